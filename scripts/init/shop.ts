/** The shop, the example that a team throws away. */
import { Fault } from '../machine/terminal.ts';
import { readEntries, VALUES } from '../services/list.ts';
import { callersOf, takeOut } from '../services/remove.ts';
import { rewrite } from './rename.ts';

export const SHOP = ['gateway', 'catalog', 'orders'];

/** @throws {Fault} when a service of the team's own needs one of the shop's */
export function checkShopUnneeded(): void {
  for (const name of shopServices()) {
    const callers = callersOf(name, 'needs', SHOP);
    if (callers.length > 0)
      throw new Fault(`The shop's ${name} is needed by ${callers.join(' and ')}`, 'KEEP_SHOP=1 keeps the shop.');
  }
}

export function removeShop(): void {
  for (const name of shopServices()) takeOut(name);
  rewrite('docs/faults.md', (text) => text.replace(/\n## What the shop's users see\n.*$/s, ''));
}

/** Those of its services that are still there. */
const shopServices = (): string[] => SHOP.filter((name) => readEntries(VALUES).has(name));
