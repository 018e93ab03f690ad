import { databaseVariables, loadConfig, serverVariables, serviceUrl } from '@stand/chassis/config';
import { expect } from 'chai';
import * as v from 'valibot';
import { listen } from '../../../test/setup/http.ts';
import { startFixture } from './process.ts';

const complete = { PORT: '8081', PGHOST: 'db', PGDATABASE: 'shop', PGUSER: 'me', PGPASSWORD: 'pw' };
const load = (env: Record<string, string>) => loadConfig({ ...serverVariables, ...databaseVariables }, env);
const loadUrl = (STORE_URL: string) => loadConfig({ STORE_URL: serviceUrl }, { STORE_URL }).STORE_URL;

describe('the configuration', () => {
  it('fills in what may be left out', () => {
    expect(load(complete)).to.deep.include({
      ...{ PORT: 8081, LOG_LEVEL: 'info', LOG_FORMAT: 'json', API_DOCS: '0', PGPORT: 5432, PGSSLMODE: 'disable' },
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(load({ ...complete, PGPORT: '', LOG_LEVEL: '', PGSSLROOTCERT: '' })).to.deep.equal(load(complete));
    expect(() => load({ ...complete, PGHOST: '' })).to.throw('PGHOST is not set');
  });

  it('names all faulty variables at once', () => {
    const faulty = {
      PORT: 'http',
      PGPORT: '65536',
      PGSSLMODE: 'prefer',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'pretty',
      API_DOCS: 'yes',
      PGSSLROOTCERT: '/nowhere',
      DATABASE_POOL_SIZE: '0',
      DATABASE_POOL_MODE: 'statement',
    };
    const missing = ['PGHOST', 'PGDATABASE', 'PGUSER', 'PGPASSWORD'];
    for (const name of [...Object.keys(faulty), ...missing]) expect(() => load(faulty)).to.throw(`${name}`);
    for (const name of missing) expect(() => load(faulty)).to.throw(`${name} is not set`);
  });

  it('takes user and password from files instead', () => {
    const { PGUSER, PGPASSWORD, ...rest } = complete;
    const files = { PGUSER_FILE: 'package.json', PGPASSWORD_FILE: 'package.json' };
    expect(load({ ...rest, ...files })).to.deep.include(files);
    expect(load({ ...complete, ...files })).to.deep.include({ PGUSER, PGPASSWORD });
    expect(() => load({ ...rest, ...files, PGPASSWORD_FILE: '' })).to.throw(
      'PGPASSWORD is not set, nor PGPASSWORD_FILE',
    );
    expect(() => load({ ...rest, ...files, PGUSER_FILE: '/nowhere' })).to.throw(
      'PGUSER_FILE: must be the path of a readable file',
    );
  });

  it('leaves other variables alone', () => {
    expect(load({ ...complete, HOME: '/root' })).to.not.have.property('HOME');
  });

  it('takes the address of a service with or without a slash at its end', () => {
    expect(loadUrl('http://store:8081/')).to.equal('http://store:8081');
    expect(loadUrl('https://example.com/shop')).to.equal('https://example.com/shop');
  });

  for (const url of ['store:8081', 'store', 'ftp://catalog', '8081', 'http://'])
    it(`refuses ${url} as the address of a service`, () => expect(() => loadUrl(url)).to.throw('STORE_URL'));

  it('lets a service be left out that is optional', () => {
    expect(loadConfig({ CLOCK_URL: v.optional(serviceUrl) }, {}).CLOCK_URL).to.equal(undefined);
  });
});

describe('a service process with an unusable environment', () => {
  const loud = { PORT: '0', LOG_LEVEL: 'toString', LOG_FORMAT: 'pretty' };
  for (const [script, env, faults] of [
    ['server.ts', {}, ['PORT']],
    ['database-server.ts', loud, ['LOG_LEVEL', 'LOG_FORMAT', 'PGHOST', 'PGDATABASE', 'PGUSER', 'PGPASSWORD']],
  ] as const)
    it(`exits with 1 and one line that names every fault: ${script}`, async () => {
      const { exit, lines } = startFixture(script, env);
      expect(await exit()).to.equal(1);
      expect(lines.map(({ level }) => level)).to.deep.equal(['fatal']);
      for (const name of faults) expect(lines[0]?.msg).to.contain(name);
      expect(lines[0]).to.not.have.property('err');
    });

  it('exits with 1 and says so when the port is taken', async () => {
    const other = await listen((_req, res) => res.end(), 0, '::');
    const { exit, lines } = startFixture('server.ts', { PORT: String(other.port) });
    expect(await exit()).to.equal(1);
    expect(lines.map(({ level, msg }) => [level, msg])).to.deep.equal([
      ['fatal', `listen EADDRINUSE: address already in use :::${other.port}`],
    ]);
    await other.close();
  });
});
