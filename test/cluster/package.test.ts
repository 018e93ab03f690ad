import { expect } from 'chai';
import { parse } from 'yaml';
import { Copy } from '../setup/copy.ts';
import { needsTools } from '../setup/needs.ts';

const OLD = `sha256:${'0'.repeat(64)}`;
const NEW = `sha256:${'1'.repeat(64)}`;
const PUSHED = `1.4.2: digest: ${NEW} size: 856`;

/** What is asked of a Docker that this plays: its arguments by line in `docker.log`, what it reads in `docker.in`. */
const DOCKER = `#!/bin/sh
echo "$@" >> docker.log
case "$1" in
  build) for last; do :; done; [ "$last" != - ] || cat >> docker.in ;;
  buildx) exit $NO_BUILDX ;;
  push) echo "The push refers to repository [any]"; echo "$PUSHED" ;;
  inspect) echo '["any@${OLD}"]' ;;
esac`;

/** What make package asks of Docker; what a real one does by that is in e2e. */
describe('make package', () => {
  needsTools('helm');
  let copy: Copy;

  before(() => {
    copy = new Copy();
    copy.install();
    copy.write('bin/docker', DOCKER);
    copy.run('chmod', ['+x', copy.at('bin/docker')]);
  });
  after(() => copy?.remove());
  beforeEach(() => {
    for (const file of ['docker.log', 'docker.in', '.npmrc', 'dist/images-1.4.2.yaml']) copy.write(file, '');
    for (const file of ['.npmrc', 'dist']) copy.remove(file);
  });

  /** `npm` stands for the check of types. */
  function make({ variables = {}, pushed = PUSHED, noBuildx = 0, npm = 'exit 0' }) {
    const path = `PATH=${copy.at('bin')}:${copy.root}.bin:${process.env.PATH}`;
    const args = Object.entries({ VERSION: '1.4.2', REGISTRY: 'registry.example.com', ...variables });
    const assignments = args.map(([name, value]) => `${name}=${value}`);
    return copy.run('env', [path, `PUSHED=${pushed}`, `NO_BUILDX=${noBuildx}`, 'make', 'package', ...assignments], npm);
  }

  const builds = (): string[] =>
    copy
      .read('docker.log')
      .split('\n')
      .filter((line) => line.startsWith('build '));

  it('names each image by the digest of this push', () => {
    expect(make({}).status).to.equal(0);
    const { services } = parse(copy.read('dist/images-1.4.2.yaml'));
    const digests = Object.values<{ image: { digest: string } }>(services).map(({ image }) => image.digest);
    expect(new Set(digests)).to.deep.equal(new Set([NEW]));
  });

  it('fails when the registry tells no digest, though there is one of an earlier push', () => {
    const { status, stderr } = make({ pushed: 'pushed' });
    expect(stderr).to.match(/✗ The registry told no digest of registry\.example\.com\/\S+:1\.4\.2\n/);
    expect(status).to.equal(2);
    expect(() => copy.read('dist/images-1.4.2.yaml')).to.throw();
  });

  it('builds all images for PLATFORM', () => {
    make({ variables: { PLATFORM: 'linux/arm64' } });
    expect(builds()).to.have.length.above(2);
    for (const line of builds()) expect(line).to.contain('--platform linux/arm64 ');
  });

  it('builds for the engine’s own platform otherwise', () => {
    make({});
    expect(builds().join()).to.not.contain('--platform');
  });

  for (const platform of ['linux/amd64,linux/arm64', 'arm64', 'linux/'])
    it(`refuses PLATFORM=${platform}`, () => {
      const { status, stderr } = make({ variables: { PLATFORM: platform } });
      expect(stderr).to.contain(`PLATFORM is one platform, not ${platform}`);
      expect(status).to.equal(2);
    });

  it('gives .npmrc to the builds of services as a secret', () => {
    copy.write('.npmrc', '');
    expect(make({}).status).to.equal(0);
    const ofServices = builds().filter((line) => line.includes('--file'));
    expect(ofServices).to.have.length.above(0);
    for (const line of ofServices) expect(line).to.contain(`--secret id=npmrc,src=${copy.at('.npmrc')} `);
    expect(copy.read('docker.in')).to.contain('--mount=type=secret,id=npmrc,');
  });

  it('needs no buildx where there is no .npmrc', () => {
    expect(make({ noBuildx: 1 }).status).to.equal(0);
    expect(copy.read('docker.in')).to.contain('RUN npm ci').and.not.contain('--mount');
    expect(builds().join()).to.not.contain('--secret');
  });

  it('needs it where there is one', () => {
    copy.write('.npmrc', '');
    const { status, stderr } = make({ noBuildx: 1 });
    expect(stderr).to.contain("✗ Docker's buildx is missing");
    expect(status).to.equal(2);
  });

  it('builds nothing while types are wrong', () => {
    const { status, stderr } = make({ npm: 'echo "app.ts(1,1): error TS2322"; exit 1' });
    expect(stderr).to.contain('error TS2322');
    expect(status).to.equal(2);
    expect(builds()).to.deep.equal([]);
  });
});
