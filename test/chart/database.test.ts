import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling, secretsOf } from './references.ts';
import {
  container,
  environmentOf,
  find,
  type Manifest,
  type Options,
  podSpecs,
  render,
  renderError,
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
    expect(variables()).to.include.members(['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGSSLMODE']);
    expect(variables(external())).to.deep.equal(variables());
    expect(variables(external({ ca: CA }))).to.deep.equal([...variables(), 'PGSSLROOTCERT']);
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

  it('takes user and password by the Secret’s own keys', () => {
    const { env = [] } = container(render(external({ userKey: 'user', passwordKey: 'pass' })), 'store');
    const secrets = env.filter(({ valueFrom }) => valueFrom).map(({ name, valueFrom }) => [name, valueFrom]);
    expect(Object.fromEntries(secrets)).to.deep.equal({
      PGUSER: { secretKeyRef: { name: 'shop-database', key: 'user' } },
      PGPASSWORD: { secretKeyRef: { name: 'shop-database', key: 'pass' } },
    });
  });

  it('has its CA mounted where PGSSLROOTCERT says, for the service and its migration', () => {
    const manifests = render(external({ ca: CA }));
    for (const name of ['store', 'migrate']) {
      const { volumeMounts = [], ...rest } = container(manifests, 'store', name);
      const mount = volumeMounts.find(({ mountPath }) => environmentOf(rest).PGSSLROOTCERT === `${mountPath}/root.pem`);
      expect(mount?.readOnly).to.equal(true);
      const volume = podSpecs(manifests).store?.volumes?.find((each) => each.name === mount?.name);
      expect(volume?.secret?.secretName).to.equal('shop-ca');
    }
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
