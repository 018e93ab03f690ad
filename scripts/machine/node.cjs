/**
 * Which Node.js the stand runs on; `engines` of package.json says so. Plain JavaScript, because it is asked before
 * anything is installed, and on the Node.js that is refused.
 */
const { engines } = require('../../package.json');

/** As engines has them: ^20.19.0 stays within its major version, >=22.12.0 does not. */
const ranges = engines.node.split('||').map((text) => {
  const [, operator, version] = /^(\^|>=)(\d+\.\d+\.\d+)$/.exec(text.trim());
  return { withinMajor: operator === '^', lowest: numbers(version) };
});

function numbers(version) {
  return version.split('.').map(Number);
}

function isAtLeast(version, lowest) {
  const different = lowest.findIndex((number, index) => number !== version[index]);
  return different === -1 || version[different] > lowest[different];
}

exports.nodeFits = (version) =>
  ranges.some(({ withinMajor, lowest }) => {
    const found = numbers(version);
    return isAtLeast(found, lowest) && (!withinMajor || found[0] === lowest[0]);
  });

/** '20.19, 22.12 or newer' */
exports.wantedNode = () => `${ranges.map(({ lowest }) => `${lowest[0]}.${lowest[1]}`).join(', ')} or newer`;
