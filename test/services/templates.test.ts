import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

describe('the templates of new services', () => {
  const folders = readdirSync('services').map((name) => `services/${name}`);
  const having = (file: string): string[] => folders.filter((folder) => existsSync(`${folder}/${file}`));

  it('have a nodemon.json as a service has it', function () {
    const theirs = having('nodemon.json').map((folder) => readFileSync(`${folder}/nodemon.json`, 'utf8'));
    if (theirs.length === 0) this.skip();
    expect(theirs).to.include(readFileSync('templates/service/nodemon.json', 'utf8'));
  });

  const dependenciesOf = (folder: string): Record<string, string> => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    return { ...dependencies, ...devDependencies };
  };
  for (const template of ['service', 'database'])
    it(`name the versions that services name, in ${template}`, () => {
      for (const [name, version] of Object.entries(dependenciesOf(`templates/${template}`))) {
        const theirs = having('package.json').flatMap((folder) => dependenciesOf(folder)[name] ?? []);
        if (theirs.length > 0) expect(theirs, name).to.include(version);
      }
    });
});
