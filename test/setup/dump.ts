/** What a database holds, to compare it with another one; pg_dump would tell the same, where it is as new as the server. */
import type pg from 'pg';

const OURS = "nspname not like 'pg\\_%' and nspname <> 'information_schema'";

/** A line for each thing that there is, whatever the order in which it was made. */
const CATALOG = `
  select 'schema ' || nspname from pg_namespace where ${OURS}
  union all select 'extension ' || extname from pg_extension
  union all select 'function ' || oid::regprocedure::text from pg_proc where pronamespace in (select oid from pg_namespace where ${OURS})
  union all select 'relation ' || relkind::text || ' ' || oid::regclass::text from pg_class where relnamespace in (select oid from pg_namespace where ${OURS})
  union all select 'sequence ' || schemaname || '.' || sequencename || ' ' || coalesce(last_value, 0) from pg_sequences
  union all select 'index ' || indexdef from pg_indexes where schemaname in (select nspname from pg_namespace where ${OURS})
  union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where conrelid <> 0
  union all select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attcollation::regcollation, pg_get_expr(adbin, adrelid))
    from pg_attribute join pg_class on pg_class.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attnum > 0 and not attisdropped and relnamespace in (select oid from pg_namespace where ${OURS})`;

/** All but when migrations ran. */
export async function dump(client: pg.Client): Promise<string[]> {
  const things = await client.query({ text: CATALOG, rowMode: 'array' });
  const { rows: tables } = await client.query(
    `select pg_class.oid::regclass::text as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace where relkind = 'r' and ${OURS}`,
  );
  const rows: string[] = [];
  for (const { name } of tables) {
    const { rows: found } = await client.query(`select (to_jsonb(it) - 'run_on')::text as row from ${name} it`);
    rows.push(...found.map(({ row }) => `row ${name} ${row}`));
  }
  return [...things.rows.flat(), ...rows].sort();
}
