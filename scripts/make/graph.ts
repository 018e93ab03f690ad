/** make graph: prints which services there are, what they call and where their tables are, as a Mermaid flowchart. */
import { flowchart } from '../chart/graph.ts';
import { loadDefaults } from '../facts/values.ts';
import { run } from '../machine/terminal.ts';

run(() => console.log(flowchart(loadDefaults().services)));
