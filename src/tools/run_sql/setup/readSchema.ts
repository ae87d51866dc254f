import { Client } from 'pg'
import { GateError } from '../../../errors.ts'
import { readTlsOptions } from '../session/tlsOptions.ts'
import type { PostgresTarget } from './targetUrl.ts'

export interface SchemaColumn {
  readonly name: string
  /** As the server writes it: `character varying(80)`. */
  readonly type: string
}

export interface SchemaTable {
  readonly schema: string
  readonly name: string
  readonly owner: string
  readonly columns: readonly SchemaColumn[]
}

/** What is in a database, for people who set a gate up in front of it. */
export interface DatabaseSchema {
  readonly database: string
  readonly major: number
  /** Tables, partitioned tables, views, materialised and foreign tables that are not the system's, in order of their names. */
  readonly tables: readonly SchemaTable[]
  /** Functions that act as their owner and that anybody may call. */
  readonly openDefiners: readonly string[]
  /** Extensions that reach outside the database. */
  readonly reaching: readonly string[]
}

const CONNECT_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 30_000
const MOST_COLUMNS = 50_000

const COLUMNS = `
  SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner, a.attname AS column,
         pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
     AND n.nspname <> 'countersign_masked'
   ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum LIMIT ${MOST_COLUMNS}`

const OPEN_DEFINERS = `
  SELECT p.oid::pg_catalog.regprocedure::text AS name
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE p.prosecdef AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
     AND (p.proacl IS NULL OR EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) x WHERE x.grantee = 0))
   ORDER BY 1 LIMIT 500`

const REACHING = `
  SELECT extname AS name FROM pg_catalog.pg_extension
   WHERE extname IN ('dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'plpython3u', 'plperlu', 'pltclu') ORDER BY 1`

/**
 * Looks at a database in one read-only transaction. The password is PGPASSWORD, or what pgpass says.
 *
 * @throws GateError ERR_TARGET_UNAVAILABLE, ERR_TARGET_CREDENTIALS, ERR_TARGET_FAILED
 */
export async function readSchema(target: PostgresTarget, password: string | undefined): Promise<DatabaseSchema> {
  const client = new Client({
    ...{ host: target.host, port: target.port, database: target.database, user: target.user },
    ...(password !== undefined && { password }),
    ssl: await readTlsOptions(target),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'countersign setup',
  })
  // A connection that breaks later says so here as well; the query in flight has the error already.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (cause) {
    throw connectionProblem(cause)
  }
  try {
    await client.query("BEGIN READ ONLY; SET LOCAL search_path = ''")
    const { rows: version } = await client.query<{ major: number }>(
      "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS major",
    )
    const { rows } = await client.query<Record<'schema' | 'name' | 'owner' | 'column' | 'type', string>>(COLUMNS)
    const definers = await client.query<{ name: string }>(OPEN_DEFINERS)
    const reaching = await client.query<{ name: string }>(REACHING)
    return {
      database: target.database,
      major: version[0]?.major ?? 0,
      tables: groupByTable(rows),
      openDefiners: definers.rows.map(({ name }) => name),
      reaching: reaching.rows.map(({ name }) => name),
    }
  } catch (cause) {
    throw new GateError('ERR_TARGET_FAILED', { detail: 'Its catalogs could not be read.', cause })
  } finally {
    await client.end().catch(() => undefined)
  }
}

function groupByTable(
  rows: readonly Record<'schema' | 'name' | 'owner' | 'column' | 'type', string>[],
): readonly SchemaTable[] {
  const tables = new Map<string, { schema: string; name: string; owner: string; columns: SchemaColumn[] }>()
  for (const { schema, name, owner, column, type } of rows) {
    const key = JSON.stringify([schema, name])
    const table = tables.get(key) ?? { schema, name, owner, columns: [] }
    table.columns.push({ name: column, type })
    tables.set(key, table)
  }
  return [...tables.values()]
}

/** SQLSTATE class 28: invalid authorization (PostgreSQL documentation, appendix A). */
function connectionProblem(cause: unknown): GateError {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  const isLogin = code.startsWith('28') || /password|SASL/.test(cause instanceof Error ? cause.message : '')
  if (isLogin) {
    const detail = 'The login was refused: is the password in PGPASSWORD, and does the role exist?'
    return new GateError('ERR_TARGET_CREDENTIALS', { detail, cause })
  }
  return new GateError('ERR_TARGET_UNAVAILABLE', { cause })
}
