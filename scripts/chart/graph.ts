/**
 * The stand's graph, as the values declare it: what each service needs and uses, and where its tables are. README shows
 * it between two markers; without them it has none.
 */
import type { ServiceValues } from '../facts/values.ts';

type Services = Record<string, ServiceValues>;

export interface Edge {
  caller: string;
  callee: string;
  kind: 'needs' | 'uses';
}

const SECTION = /(<!-- graph: .*-->\n)[\s\S]*?(<!-- graph ends -->)/;
/** A database that is nobody's own. */
const SHARED = 'PostgreSQL';

/** What is declared, in the order of the values. */
export const edgesOf = (services: Services): Edge[] =>
  Object.entries(services).flatMap(([caller, values]) =>
    (['needs', 'uses'] as const).flatMap((kind) => values[kind].map((callee) => ({ caller, callee, kind }))),
  );

/** As a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), the arrows of `uses` dashed. */
export function flowchart(services: Services): string {
  const withTables = Object.entries(services).filter(([, { database }]) => database.enabled);
  const databases = [...new Set(withTables.map(([, values]) => databaseOf(values)))];
  const idOfDatabase = (database: string): string => `database_${databases.indexOf(database) + 1}`;
  const lines = [
    ...Object.entries(services).map(([name, { port }]) => `${idOf(name)}[${quoted(`${name} :${port}`)}]`),
    ...databases.map((database) => `${idOfDatabase(database)}[(${quoted(database)})]`),
    ...edgesOf(services).map(
      ({ caller, callee, kind }) => `${idOf(caller)} ${kind === 'needs' ? '-->' : '-.->'} ${idOf(callee)}`,
    ),
    ...withTables.map(([name, values]) => `${idOf(name)} --- ${idOfDatabase(databaseOf(values))}`),
  ];
  return ['flowchart LR', ...lines.map((line) => `  ${line}`)].join('\n');
}

/** README with the graph of these services. */
export const withGraph = (readme: string, services: Services): string =>
  readme.replace(SECTION, (_section, begin, end) => `${begin}\`\`\`mermaid\n${flowchart(services)}\n\`\`\`\n${end}`);

/** What Mermaid takes for no word of its own, such as `end`, and for no arrow, as in `a--b`. */
const idOf = (service: string): string => `service_${service.replaceAll('-', '_')}`;

/** A text with Mermaid's codes for all that could mean something in it. */
const quoted = (text: string): string =>
  `"${text.replace(/[^\w .:/-]/gu, (character) => `#${character.codePointAt(0)};`)}"`;

const databaseOf = ({ database: { host, name } }: ServiceValues): string =>
  [host, name].filter(Boolean).join('/') || SHARED;
