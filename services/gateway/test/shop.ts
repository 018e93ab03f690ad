import { createDatabase, type TestDatabase } from '../../../test/setup/database.ts';
import { type Service, startService } from '../../../test/setup/service.ts';

/** Where the parts of the shop are. */
export interface Shop {
  gateway: string;
  catalog: string;
  orders: string;
}

export interface RunningShop extends Shop {
  database: TestDatabase;
  close(): void;
}

/** The whole shop, each service a process of its own as in host mode, on an empty database. */
export async function startShop(): Promise<RunningShop> {
  const running: Service[] = [];
  const start = (name: string, env: Record<string, string>): Promise<string> => {
    const service = startService(name, { ...env, PORT: '0' });
    running.push(service);
    return service.url();
  };
  const database = await createDatabase('catalog', 'orders');
  const catalog = await start('catalog', database.env);
  const orders = await start('orders', { ...database.env, CATALOG_URL: catalog });
  const gateway = await start('gateway', { CATALOG_URL: catalog, ORDERS_URL: orders });
  const close = (): void => {
    for (const { process } of running) process.kill('SIGKILL');
  };
  return { gateway, catalog, orders, database, close };
}
