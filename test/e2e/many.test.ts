import { expect } from 'chai';
import { loadValues } from '../../scripts/facts/values.ts';
import { capture } from '../../scripts/machine/command.ts';
import type { Copy } from '../setup/copy.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { enter, leave, makeFixture, tiltCi } from './setup.ts';

const COUNT = 12;

describe('the cluster, with more than ten services,', () => {
  let copy: Copy | undefined;

  before(async () => {
    copy = await makeFixture(COUNT - 2);
    enter(copy);
  });
  after(async () => {
    await capture('make', ['down']);
    leave();
    copy?.remove();
  });

  it(`runs ${COUNT} of them, without a new one`, async () => {
    await tiltCi();
    const services = Object.values(loadValues('local').services);
    expect(services).to.have.length(COUNT);
    for (const { port } of services)
      await eventually(`port ${port} is ready`, () => getJson(`http://localhost:${port}/readyz`));
  });
});
