import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { createDatabase } from '../../../test/setup/database.ts';

/** What a service's connection is like, seen from PostgreSQL. */
const SCRIPT = `
  const { databaseVariables, loadConfig } = require('./src/config.ts');
  const { openDatabase } = require('./src/database.ts');
  const { pool, close } = openDatabase(loadConfig(databaseVariables), console);
  const names = ['application_name', 'search_path', 'client_encoding', 'DateStyle', 'TimeZone', 'statement_timeout'];
  pool.query("select name, setting, 'ä' as text from pg_settings where name = any ($1) order by 1", [names])
    .then(({ rows }) => console.log(JSON.stringify(rows)))
    .finally(close);`;

/** What node-postgres reads by itself (lib/connection-parameters.js), each with something that would show. */
const READ_BY_ITSELF = {
  PGOPTIONS: '-c search_path=nowhere',
  PGAPPNAME: 'elsewhere',
  PGREPLICATION: 'database',
  PGSSLNEGOTIATION: 'direct',
  PGCLIENT_ENCODING: 'LATIN1',
  PGCONNECT_TIMEOUT: 'soon',
  PGBINARY: '1',
};

/** The others (https://www.postgresql.org/docs/18/libpq-envars.html), in case a version to come reads them. */
const OTHERS = {
  ...{ PGHOSTADDR: '203.0.113.1', PGPASSFILE: '/nowhere', PGSERVICE: 'elsewhere', PGTARGETSESSIONATTRS: 'standby' },
  ...{ PGREQUIREAUTH: 'none', PGCHANNELBINDING: 'require', PGGSSENCMODE: 'require', PGSSLCERT: '/nowhere' },
  ...{ PGSSLKEY: '/nowhere', PGCLIENTENCODING: 'LATIN1', PGDATESTYLE: 'German', PGTZ: 'Asia/Tokyo' },
};

describe("libpq's variables that services don't document", () => {
  let env: Record<string, string>;
  let expected: string;
  before(async () => {
    ({ env } = await createDatabase());
    expected = connect({});
    expect(expected).to.contain('"text":"ä"');
  });

  function connect(variables: Record<string, string>): string {
    const flags = ['--conditions=source', '--require', './typescript.cjs', '--eval', SCRIPT];
    return spawnSync(process.execPath, flags, {
      cwd: 'services/chassis',
      env: { PATH: process.env.PATH, ...env, ...variables },
      encoding: 'utf8',
    }).stdout;
  }

  for (const [name, value] of Object.entries(READ_BY_ITSELF))
    it(`change nothing: ${name}`, () => expect(connect({ [name]: value })).to.equal(expected));

  it('change nothing: all others', () => expect(connect(OTHERS)).to.equal(expected));
});
