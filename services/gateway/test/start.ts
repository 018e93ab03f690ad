import { ServiceClient } from '@stand/chassis/client';
import { type App, startApp } from '../../../test/setup/app.ts';
import { createApp } from '../src/app.ts';

/** Without an address, orders is switched off. It repeats calls less patiently than in a cluster, where pods come and go. */
export function startGateway(catalogUrl: string, ordersUrl?: string): Promise<App> {
  const catalog = new ServiceClient('catalog', catalogUrl, [50]);
  const orders = ordersUrl === undefined ? undefined : new ServiceClient('orders', ordersUrl, [50]);
  return startApp((given) => inServiceFolder(() => createApp({ ...given, catalog, orders, tracesUrl: undefined })));
}

/** The app looks for its page in the working directory. */
function inServiceFolder<T>(work: () => T): T {
  const before = process.cwd();
  process.chdir('services/gateway');
  try {
    return work();
  } finally {
    process.chdir(before);
  }
}
