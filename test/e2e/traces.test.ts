import { expect } from 'chai';
import { Trial } from '../../scripts/measure/trial.ts';
import { send } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { complaints, inFixture, packageOnce, VERSION } from './setup.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

interface Trace {
  processes: Record<string, { serviceName: string }>;
  spans: { tags: { key: string }[] }[];
}

interface Found {
  data: Trace[];
}

const namesIn = (trace: Trace | undefined): Set<string> =>
  new Set(Object.values(trace?.processes ?? {}).map(({ serviceName }) => serviceName));

describe('traces in production', () => {
  let trial: Trial;

  inFixture();
  before(async () => {
    await packageOnce();
    trial = await Trial.begin('traces', VERSION);
    await trial.install('jaeger.enabled=true');
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed() && trial) console.log(await complaints(trial));
  });
  after(() => trial?.end());

  it('reach Jaeger from each service that a request goes through, with the statements', async () => {
    const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    const trace = await eventually('both services are in the trace', async () => {
      await send(`${trial.url('front')}/items`, { headers });
      // By way of Kubernetes: the policy lets nobody else in who looks.
      const path = `/api/v1/namespaces/${trial.namespace}/services/jaeger:16686/proxy/api/traces/${TRACE}`;
      const answer: Found = JSON.parse(await trial.kubectl('get', '--raw', path).catch(() => '{"data":[]}'));
      const [found] = answer.data;
      return namesIn(found).size > 1 ? found : undefined;
    });
    expect(namesIn(trace)).to.deep.equal(new Set(['front', 'store']));
    const tags = trace.spans.flatMap((span) => span.tags.map(({ key }) => key));
    expect(tags).to.include('db.query.text');
  });
});
