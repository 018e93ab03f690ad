import { parse } from 'node:path';
import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling, secretsOf } from './references.ts';
import {
  type Container,
  container,
  environmentOf,
  find,
  type Manifest,
  type Options,
  podSpecs,
  render,
  renderError,
  type SecretVolume,
  VALUES,
} from './render.ts';

const EXTERNAL = { host: 'db.example.com', name: 'shop', existingSecret: 'shop-database' };
const CA = { existingSecret: 'shop-ca', key: 'root.pem' };

/** values-local.yaml with a managed database instead of its own. */
const external = (more: object = {}, service: object = {}): Options => ({
  values: {
    postgresql: { enabled: false },
    externalDatabase: { ...EXTERNAL, ...more },
    services: { store: { database: service } },
  },
});

describe('the database', () => {
  needsTools('helm');

  it('reaches the services by the same variables wherever it is', () => {
    const variables = (options?: Options) => Object.keys(environmentOf(container(render(options), 'store')));
    expect(variables()).to.include.members([
      ...['PGHOST', 'PGPORT', 'PGDATABASE', 'DATABASE_POOL_SIZE', 'PGUSER_FILE', 'PGPASSWORD_FILE', 'PGSSLMODE'],
    ]);
    expect(variables(external())).to.deep.equal(variables());
    expect(variables(external({ ca: CA }))).to.deep.equal([...variables(), 'PGSSLROOTCERT']);
  });

  const DIGEST = `sha256:${'0'.repeat(64)}`;
  for (const image of [
    'postgres:16-bookworm',
    'postgres:18-bookworm',
    'postgres:bookworm',
    'postgis/postgis:16-3.4',
    'registry.example.com:5000/team/postgres:13.22',
    `postgres@${DIGEST}`,
    `postgres:17@${DIGEST}`,
  ])
    it(`keeps its data in the volume, whatever the image has by default: ${image}`, () => {
      const [server] = podSpecs(render({ values: { postgresql: { image } } })).postgresql?.containers ?? [];
      const volume = server?.volumeMounts?.find(({ name }) => name === 'data');
      expect(server?.image).to.equal(image);
      // The images before 18 declare a volume at …/data, which would cover what the chart mounts above it.
      expect(environmentOf(server as Container).PGDATA)
        .to.match(new RegExp(`^${volume?.mountPath}/`))
        .and.not.match(/\/data$/);
    });

  it('stays where it was for volumes of PostgreSQL 18', () => {
    const [server] = podSpecs(render()).postgresql?.containers ?? [];
    expect(environmentOf(server as Container).PGDATA).to.equal('/var/lib/postgresql/18/docker');
  });

  for (const image of ['postgres:18-alpine', 'postgres:17.6-alpine3.22', 'postgis/postgis:16-3.4-alpine'])
    it(`is not Alpine’s: ${image}`, () => {
      expect(renderError({ values: { postgresql: { image } } })).to.contain(
        `postgresql.image is ${image}: Alpine's PostgreSQL runs as another user`,
      );
    });

  it('is the one of the release', () => {
    expect(environmentOf(container(render(), 'store'))).to.include({
      PGHOST: 'postgresql',
      PGPORT: '5432',
      PGDATABASE: VALUES.postgresql.auth.database,
      PGSSLMODE: 'disable',
    });
  });

  it('is the external one, verified unless told otherwise', () => {
    const manifests = render(external({ port: 6432 }));
    expect(environmentOf(container(manifests, 'store'))).to.include({
      PGHOST: 'db.example.com',
      PGPORT: '6432',
      PGDATABASE: 'shop',
      PGSSLMODE: 'verify-full',
    });
    expect(manifests.map(({ kind }) => kind)).to.not.include.members(['StatefulSet', 'Secret']);
    expect(secretsOf(manifests)).to.deep.equal(['Secret shop-database']);
  });

  for (const [what, options, secretName, keys] of [
    ['the external one', external({ userKey: 'user', passwordKey: 'pass' }), 'shop-database', ['user', 'pass']],
    ['the release', {}, 'postgresql', ['username', 'password']],
  ] as const)
    it(`has user and password of ${what} where the variables say, for the service and its migration`, () => {
      const manifests = render(options);
      for (const name of ['store', 'migrate'])
        for (const [n, variable] of ['PGUSER_FILE', 'PGPASSWORD_FILE'].entries()) {
          const [secret, file] = mounted(manifests, name, variable);
          expect(secret?.secretName).to.equal(secretName);
          expect(secret?.items?.find(({ path }) => path === file)?.key).to.equal(keys[n]);
        }
    });

  it('has its CA where PGSSLROOTCERT says, for the service and its migration', () => {
    const manifests = render(external({ ca: CA }));
    for (const name of ['store', 'migrate'])
      expect(mounted(manifests, name, 'PGSSLROOTCERT')).to.deep.equal([{ secretName: 'shop-ca' }, 'root.pem']);
  });

  it('is given as many connections as the service says', () => {
    const size = (options?: Options) => environmentOf(container(render(options), 'store')).DATABASE_POOL_SIZE;
    expect(size()).to.equal(String(VALUES.serviceDefaults.database.poolSize));
    expect(size(external({}, { poolSize: 3 }))).to.equal('3');
  });

  it('is reached by way of PgBouncer, but directly by migrations, where there is an address for them', () => {
    const pooler = { host: 'pooler', port: 6432, direct: { host: 'db.example.com' } };
    const login = { name: 'own', existingSecret: 'own-database' };
    for (const options of [external(pooler), external({}, { ...pooler, ...login })]) {
      const manifests = render({ ...options, environment: 'staging' });
      const variables = (name: string) => environmentOf(container(manifests, 'store', name));
      const { DATABASE_POOL_MODE: mode, ...rest } = variables('store');
      expect([mode, rest.PGHOST, rest.PGPORT]).to.deep.equal(['transaction', 'pooler', '6432']);
      expect(variables('migrate')).to.deep.equal({ ...rest, PGHOST: 'db.example.com', PGPORT: '5432' });
      const { egress } = find(manifests, 'NetworkPolicy', 'store').spec;
      expect(egress).to.deep.include({ ports: [{ port: 6432 }, { port: 5432 }] });
    }
  });

  it('of a service’s own has no direct address of the shared one', () => {
    const pooled = { direct: { host: 'db.example.com' } };
    const manifests = render(external(pooled, { host: 'own.example.com' }));
    expect(environmentOf(container(manifests, 'store', 'migrate')).PGHOST).to.equal('own.example.com');
    expect(environmentOf(container(manifests, 'store'))).to.not.have.property('DATABASE_POOL_MODE');
  });

  it('can be a service’s own, also beside the one of the release', () => {
    const database = { host: 'own.example.com', port: 7000, name: 'own', existingSecret: 'own-database' };
    const own = { PGHOST: 'own.example.com', PGPORT: '7000', PGDATABASE: 'own' };
    const services = { store: { database }, front: { database: { enabled: true } } };
    const shared = { postgresql: { enabled: false }, externalDatabase: EXTERNAL };
    for (const [values, host] of [
      [{ ...shared, services }, 'db.example.com'],
      [{ services }, 'postgresql'],
    ] as const) {
      const manifests = render({ values });
      expect(environmentOf(container(manifests, 'store'))).to.include(own);
      expect(environmentOf(container(manifests, 'front')).PGHOST).to.equal(host);
      expect(dangling(manifests, ['Secret shop-database'])).to.deep.equal(['Secret own-database']);
    }
  });

  it('is migrated by the service’s image and environment before it starts, and seeded only locally', () => {
    const migrate = (manifests: Manifest[]) => container(manifests, 'store', 'migrate');
    const [local, prod] = [render(), render({ environment: 'prod' })];
    for (const manifests of [local, prod]) {
      const { image, env, volumeMounts } = container(manifests, 'store');
      expect(migrate(manifests)).to.deep.include({ image, env, volumeMounts });
    }
    expect(migrate(local).args).to.deep.equal(['--seed']);
    expect(migrate(prod))
      .to.deep.include({ command: ['node', 'dist/migrate.js'] })
      .and.not.have.property('args');
  });

  it('gives nothing to a service without one', () => {
    const manifests = render({ environment: 'prod' });
    expect(Object.keys(environmentOf(container(manifests, 'front')))).to.not.include('PGHOST');
    expect(podSpecs(manifests).front).to.not.have.property('initContainers');
    expect(JSON.stringify(podSpecs(manifests).front)).to.not.contain('postgresql');
  });

  it('keeps its volume when the release goes: it is the StatefulSet’s, which helm does not own', () => {
    const { spec } = find(render(), 'StatefulSet', 'postgresql');
    expect(spec.volumeClaimTemplates).to.have.lengthOf(1);
    expect(spec).to.not.have.property('persistentVolumeClaimRetentionPolicy');
  });

  const refusals: [string, Options, string][] = [
    ['none', { values: { postgresql: { enabled: false } } }, 'set postgresql.enabled=true or externalDatabase.host'],
    ['both', { values: { externalDatabase: EXTERNAL } }, 'postgresql.enabled and externalDatabase exclude each other'],
    [
      'both, even when no service has a database',
      {
        values: {
          externalDatabase: EXTERNAL,
          services: { store: { enabled: false, url: 'https://store.example.com' } },
        },
      },
      'postgresql.enabled and externalDatabase exclude each other',
    ],
    ['one without a name', external({ name: '' }), 'externalDatabase.name is required'],
    ['one without a Secret', external({ existingSecret: '' }), 'externalDatabase.existingSecret is required'],
    [
      'one without a password',
      { values: { postgresql: { auth: { password: '' } } } },
      'postgresql.auth.password is required',
    ],
  ];
  for (const [what, options, sentence] of refusals) {
    it(`is refused when it is ${what}`, () => {
      expect(renderError(options)).to.contain(sentence);
    });
  }
});

/** The Secret's volume, mounted read-only, that has the file which a variable of store names, and the file's name. */
function mounted(manifests: Manifest[], name: string, variable: string): [SecretVolume | undefined, string] {
  const { volumeMounts = [], ...rest } = container(manifests, 'store', name);
  const { dir, base } = parse(environmentOf(rest)[variable] ?? '');
  const mount = volumeMounts.find(({ mountPath, readOnly }) => mountPath === dir && readOnly);
  return [podSpecs(manifests).store?.volumes?.find((volume) => volume.name === mount?.name)?.secret, base];
}
