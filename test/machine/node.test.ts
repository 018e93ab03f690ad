import { expect } from 'chai';
import { nodeFits, wantedNode } from '../../scripts/machine/node.cjs';

describe('the Node.js that the stand runs on', () => {
  const versions: Record<string, boolean> = {
    '18.20.8': false,
    '20.18.3': false,
    '20.19.0': true,
    '20.20.2': true,
    '21.7.3': false,
    '22.0.0': false,
    '22.11.0': false,
    '22.12.0': true,
    '23.0.0': true,
    '24.21.0': true,
    '26.0.0': true,
  };
  for (const [version, fits] of Object.entries(versions))
    it(`is ${fits ? '' : 'not '}${version}`, () => expect(nodeFits(version)).to.equal(fits));

  it('is named in a few words', () => expect(wantedNode()).to.equal('20.19, 22.12 or newer'));
});
