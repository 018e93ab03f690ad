import { endure } from '../../../test/setup/hostile.ts';
import type { Service } from '../../../test/setup/service.ts';
import { startFixture } from './process.ts';

describe('the chassis', () => {
  let fixture: Service;
  before(() => {
    fixture = startFixture('server.ts', { PORT: '0' });
  });
  after(() => fixture.process.kill('SIGKILL'));

  it('answers hostile requests by problems that tell nothing of it, and forgets them', async () => {
    const echo = { method: 'POST', path: '/echo', body: { text: 'text', list: [{ n: 1 }] } };
    const gets = ['/things/1', '/things/many', '/large'].map((path) => ({ method: 'GET', path }));
    await endure(await fixture.url(), [echo, ...gets], 500);
  });
});
