import { expect } from 'chai';
import { until } from '../../../test/setup/http.ts';
import type { Service } from '../../../test/setup/service.ts';
import { startFixture } from './process.ts';

const [said, request] = ['said', 'request'];
const many = Array.from({ length: 500 }, () => request);

/** How a process ends, what it logs before, and what of that is read once it has ended or, if it does not, at last. */
type Kind = [end: 'exit' | 'return' | 'wait' | 'hang', messages: string[], read?: string[]];

const kinds: Record<string, Kind> = {
  'that exits: all, in order': ['exit', [said, request, request, said, request]],
  'that exits after many requests: all': ['exit', many],
  'that has nothing more to do: all': ['return', [request, said, request]],
  'that runs on: those of requests too': ['wait', [said, request, request]],
  'that hangs: all up to what it said last': ['hang', [request, said, request], [request, said]],
};

describe('log lines of a process', () => {
  const services: Service[] = [];
  after(() => services.forEach((service) => void service.process.kill('SIGKILL')));

  for (const [kind, [end, messages, read = messages]] of Object.entries(kinds))
    it(kind, async () => {
      const service = startFixture('logger.ts', {}, '.', end, ...messages);
      services.push(service);
      if (end === 'wait' || end === 'hang') await until(() => service.lines.length >= read.length);
      else await service.exit();
      expect(service.lines.map(({ msg }) => msg.replace('request completed', request))).to.deep.equal(read);
    });
});
