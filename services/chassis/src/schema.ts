import * as v from 'valibot';

/**
 * An array of `min` to `max` items. Unlike with `v.maxLength` after `v.array(item)`, its length is checked first: of
 * one that is too long no item is looked at, or each of them costs time and is a fault of its own.
 */
export function list<Item extends v.GenericSchema>(item: Item, { min = 0, max }: { min?: number; max: number }) {
  return v.pipe(v.array(v.unknown()), v.minLength(min), v.maxLength(max), v.array(item));
}
