import * as v from 'valibot';

type Bounds = { min?: number; max: number };

/** The largest of PostgreSQL's `integer`, and so of an id by default. */
export const MAX_INTEGER = 2_147_483_647;

/**
 * An array of `min` to `max` items. Unlike with `v.maxLength` after `v.array(item)`, its length is checked first: of
 * one that is too long no item is looked at, or each of them costs time and is a fault of its own.
 */
export const list = <Item extends v.GenericSchema>(item: Item, { min = 0, max }: Bounds) =>
  v.pipe(v.array(v.unknown()), v.minLength(min), v.maxLength(max), v.array(item)) as v.GenericSchema<
    v.InferInput<Item>[],
    v.InferOutput<Item>[]
  >;

// biome-ignore lint/suspicious/noControlCharactersInRegex: by the name that it has in all languages' patterns
const WITHOUT_NUL = /^[^\u0000]*$/;

/**
 * Text without space around it, in UTF-16 code units. PostgreSQL's can't hold a NUL character, and takes an É of one
 * character for another than one of two.
 */
export const text = ({ min = 0, max }: Bounds) =>
  v.pipe(
    v.string(),
    v.normalize('NFC'),
    v.trim(),
    v.minLength(min),
    v.maxLength(max),
    v.regex(WITHOUT_NUL, 'must not contain NUL'),
  );

/** A whole number in JSON. */
export const count = ({ min = 0, max }: Bounds) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

type Numeral = v.GenericSchema<string, number>;

/** A whole number in a path or a query, where all is text; the fallback is for one that is not there. */
export function numeral(bounds: Bounds & { fallback: number }): v.OptionalSchema<Numeral, string>;
export function numeral(bounds: Bounds): Numeral;
export function numeral({ min = 0, max, fallback }: Bounds & { fallback?: number }): v.GenericSchema {
  const digits = new RegExp(`^${min < 0 ? '-?' : ''}\\d{1,${String(max).length}}$`);
  const number = v.pipe(
    v.string(),
    v.check((text) => digits.test(text), `must be a number from ${min} to ${max}`),
    v.transform(Number),
    v.minValue(min),
    v.maxValue(max),
  );
  const known = { type: 'integer', minimum: min, maximum: max, ...(fallback !== undefined && { default: fallback }) };
  return v.pipe(fallback === undefined ? number : v.optional(number, String(fallback)), v.metadata(known));
}

/** By which a request that is sent again is known to be the same one: draft-ietf-httpapi-idempotency-key-header */
export const idempotencyKey = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible characters'),
  v.description('A request that is sent again with the same key is carried out once'),
);
