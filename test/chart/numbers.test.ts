import { readdirSync, readFileSync } from 'node:fs';
import { RETRY_MS } from '@stand/chassis/client';
import { SIGINT, SIGTERM } from '@stand/chassis/serve';
import { expect } from 'chai';
import {
  databasePort,
  inspectorPort,
  nodePortOf,
  servicePorts,
  tiltPort,
  tracesPort,
} from '../../scripts/facts/ports.ts';
import { DISTANCE } from '../../scripts/facts/slot.ts';
import { wantedNode } from '../../scripts/machine/node.cjs';
import { needsTools } from '../setup/needs.ts';
import { container, find, podSpecs, render } from './render.ts';

const read = (file: string): string => readFileSync(file, 'utf8').replace(/\s+/g, ' ');
const total = (...times: number[]): number => times.reduce((sum, time) => sum + time);
const seconds = (ms: number): number => Math.floor(ms / 1000);

/** Numbers that more than one file has to have: here what people read is held against what runs. */
describe('a number that stands twice', () => {
  needsTools('helm');
  const pod = (environment: string) => find(render({ environment }), 'Deployment', 'front').spec.template.spec;
  const user = (environment: string) => podSpecs(render({ environment })).front?.securityContext.runAsUser;
  const ports = servicePorts();
  const [firstPort = 0] = ports;
  const lastPort = ports.at(-1) ?? 0;

  it('is the same in the documents', () => {
    const { startupProbe } = container(render(), 'front');
    const { terminationGracePeriodSeconds } = pod('prod');
    expect(startupProbe).to.include({ periodSeconds: 1, failureThreshold: 60 });
    for (const sentence of [
      `is served for ${seconds(SIGTERM.drain)} more seconds`,
      `after ${terminationGracePeriodSeconds} seconds the pod is killed`,
      'The first must answer within a minute of the start',
      `the chart says which, ${user('local')} locally and ${user('prod')} elsewhere`,
      `a free one of ${firstPort} to ${lastPort}`,
      `which is the port + ${(nodePortOf(firstPort) ?? 0) - firstPort}`,
    ])
      expect(read('docs/other-languages.md')).to.contain(sentence);
    expect(read('test/fixtures/services/clock/server.py')).to.contain(`signal.SIGTERM: (${seconds(SIGTERM.drain)}, `);
    const retried = total(...RETRY_MS);
    expect(read('docs/operations.md')).to.contain(`another attempt for ${seconds(retried)} seconds`);
  });

  it('leaves a service the time that it takes to stop', () => {
    const { readinessProbe } = container(render({ environment: 'prod' }), 'front');
    const { failureThreshold = 0, timeoutSeconds = 0 } = readinessProbe ?? {};
    expect(failureThreshold * timeoutSeconds * 1000).to.be.lessThan(SIGTERM.drain);
    expect(total(...Object.values(SIGTERM))).to.be.lessThan(pod('prod').terminationGracePeriodSeconds * 1000);
    expect(read('docs/other-languages.md')).to.contain('SIGINT the same way within one second');
    expect(total(...Object.values(SIGINT))).to.be.lessThan(1000);
  });

  it('is the user of the image and of its pod', () => {
    expect(read('services/Dockerfile')).to.contain(`ONBUILD USER ${user('prod')} `);
  });

  it('is a port that something has, wherever localhost is named', () => {
    const inSlot0 = [...ports, ...ports.map(inspectorPort), databasePort(), tiltPort(), tracesPort()];
    const known = [...inSlot0, ...inSlot0.map((port) => port + DISTANCE)];
    const documents = ['README.md', ...readdirSync('docs').map((file) => `docs/${file}`)];
    for (const file of documents.filter((name) => name.endsWith('.md')))
      for (const [, port] of read(file).matchAll(/localhost:(\d+)/g)) expect(known, file).to.include(Number(port));
  });

  it('is the version of Node.js that is wanted', () => {
    for (const [, versions] of read('README.md').matchAll(/Node\.js \(([^)]+)\)/g))
      expect(versions).to.equal(wantedNode());
  });
});
