import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { checkName } from '../../scripts/services/names.ts';

describe('the name of a service', () => {
  for (const name of ['a', 'payments', 'user-data', 'v2', 'a--b', 'select', 'tests-2', `p${'a'.repeat(30)}`])
    it(`is ${name}`, () => checkName(name));

  for (const name of ['', 'Payments', 'pay_ments', '9pay', '-pay', 'pay-', 'pä', '../x', 'a b', `p${'a'.repeat(31)}`])
    it(`is not "${name}"`, () => expect(() => checkName(name)).to.throw(name));

  const reserved = {
    'it is the library': ['chassis'],
    'it is the database': ['postgresql'],
    'it is what shows the traces': ['jaeger'],
    'it is the container that migrates': ['migrate'],
    'it is a row in Tilt': ['release', 'diff', 'api-diff', 'starts', 'types', 'test', 'helm-test'],
    'the chart makes': ['payments-management', 'payments-test'],
    'it is the folder': ['tests'],
    'it is what host mode': ['host'],
    'git and Docker leave': ['dist', 'e2e'],
    'nodemon leaves': ['coverage'],
    'each namespace': ['default'],
    "it is Kubernetes' own": ['kubernetes'],
    'in a pod it is the pod': ['localhost', 'ip6-loopback'],
    'a URL takes it': ['xn--a'],
    'PostgreSQL has a schema': ['public'],
    'in JavaScript': ['constructor'],
    'YAML takes it': ['null', 'true', 'on', 'y'],
    'Windows can have': ['con', 'com1'],
  };
  for (const [reason, names] of Object.entries(reserved))
    for (const name of names)
      it(`is not ${name}: ${reason}`, () =>
        expect(() => checkName(name)).to.throw(`${name} can't be a name: ${reason}`));

  /** First arguments of what makes rows in Tilt. */
  const rows = readFileSync('Tiltfile', 'utf8').matchAll(
    /^\s*(?:helm_resource|local_resource|compare_apis|ask_starts|k8s_attach)\(\s*'([^']+)'/gm,
  );
  for (const [, row = ''] of rows)
    it(`is not ${row}, a row in Tilt`, () => expect(() => checkName(row)).to.throw("can't be a name"));

  const containers = readFileSync('helm/app/templates/_workload.tpl', 'utf8').matchAll(
    /initContainers:\n +- name: (.+)/g,
  );
  for (const [, container = ''] of containers)
    it(`is not ${container}, a container beside the service's own`, () =>
      expect(() => checkName(container)).to.throw("can't be a name"));
});
