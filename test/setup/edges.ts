/** Holds the graph that the values declare to the calls that services count. */
import { edgesOf } from '../../scripts/chart/graph.ts';
import { DEFAULTS, type Values } from '../../scripts/facts/values.ts';

const CALLS = /^http_client_request_duration_seconds_count\{(?:.*,)?service="([^"]+)"/gm;

/**
 * What differs, a sentence each: a call that is not declared, and what is declared and was never called. `metrics` has
 * the texts of each caller's processes.
 */
export function compareEdges(services: Values['services'], metrics: Record<string, string[]>): string[] {
  return Object.entries(metrics).flatMap(([caller, texts]) => {
    const called = [...new Set(texts.flatMap(calleesIn))].sort();
    const declared = edgesOf(services).filter((edge) => edge.caller === caller);
    const undeclared = called.filter((callee) => !declared.some((edge) => edge.callee === callee));
    const unused = declared.filter(({ callee }) => !called.includes(callee));
    return [
      ...undeclared.map(
        (callee) => `${caller} calls ${callee}, which is not in needs or uses of services.${caller} in ${DEFAULTS}`,
      ),
      ...unused.map(
        ({ callee, kind }) =>
          `${caller} never called ${callee}, which is in ${kind} of services.${caller} in ${DEFAULTS}`,
      ),
    ];
  });
}

const calleesIn = (metrics: string): string[] => [...metrics.matchAll(CALLS)].map(([, callee = '']) => callee);
