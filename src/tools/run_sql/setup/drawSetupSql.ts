import { quoteName } from '../syntax/quoteName.ts'
import type { DatabaseSchema, SchemaTable } from './readSchema.ts'

export interface SetupInput {
  readonly connection: string
  readonly database: string
  readonly read: string
  /** Absent: the connection only reads. */
  readonly write: string | undefined
  /** Sessions for each role. */
  readonly maxSessions: number
  /** As `schema.table.column`. */
  readonly protect: readonly string[]
  /** What some rule lets a call do, alone or after approval. */
  readonly writes: readonly ('INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE')[]
  /** Undefined when the database could not be looked at: then schema public stands for all. */
  readonly schema: DatabaseSchema | undefined
}

/**
 * The SQL script that makes a connection's roles able to do what policy may ever allow, and nothing else, and a schema
 * of views without the protected columns. Holds no password. Running it twice changes nothing.
 */
export function drawSetupSql(input: SetupInput): string {
  const roles = [input.read, ...(input.write === undefined ? [] : [input.write])]
  return [
    header(input),
    ...roles.map((role) => roleSection(role, input)),
    grantsSection(input),
    maskedSection(input),
    cautionSection(input),
    'COMMIT;',
    '',
    '-- psql asks for the passwords; they go to the server as hashes. Put the same ones where the configuration looks.',
    ...roles.map((role) => `\\password ${quoteName(role)}`),
    '',
  ].join('\n')
}

function header({ connection, database, schema }: SetupInput): string {
  const seen =
    schema === undefined
      ? '-- The database was not looked at: schema public stands for all. Add --postgres URL to have the others too.\n'
      : ''
  return `-- Least-privilege roles for the connection ${comment(connection)} (database ${comment(database)}).
-- Run it as the owner of the database or a superuser:
--   psql --dbname=${comment(database)} --set=ON_ERROR_STOP=1 --file=setup.sql
${seen}
BEGIN;
`
}

function roleSection(role: string, { maxSessions, database }: SetupInput): string {
  const name = quoteName(role)
  return `-- A role for the gate alone. NOINHERIT: what it is granted later by membership does not come by itself.
DO $countersign$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${literal(role)}) THEN
    CREATE ROLE ${name} LOGIN;
  END IF;
END $countersign$;
ALTER ROLE ${name} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CONNECTION LIMIT ${maxSessions + 2};
GRANT CONNECT, TEMPORARY ON DATABASE ${quoteName(database)} TO ${name};
`
}

function grantsSection(input: SetupInput): string {
  const { read, write, writes } = input
  const lines = schemasOf(input).flatMap(({ schema, owners }) => {
    const at = quoteName(schema)
    const both = [read, ...(write === undefined ? [] : [write])].map(quoteName).join(', ')
    const changes =
      write === undefined || writes.length === 0 ? [] : [{ to: quoteName(write), what: writes.join(', ') }]
    return [
      `GRANT USAGE ON SCHEMA ${at} TO ${both};`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${at} TO ${both};`,
      ...changes.map(({ to, what }) => `GRANT ${what} ON ALL TABLES IN SCHEMA ${at} TO ${to};`),
      ...(writes.includes('INSERT')
        ? changes.map(({ to }) => `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${at} TO ${to};`)
        : []),
      ...owners.map(
        (owner) =>
          `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteName(owner)} IN SCHEMA ${at} GRANT SELECT ON TABLES TO ${both};`,
      ),
    ]
  })
  const why =
    write === undefined
      ? '-- The connection has no role that writes.'
      : writes.length === 0
        ? '-- No rule lets a call change rows, so the role that writes may not either.'
        : `-- Changes that some rule lets happen, alone or after approval: ${writes.join(', ')}.`
  return `-- What they may read and change. Leave out a schema that no agent has business in.
${why}
${lines.join('\n')}
`
}

function schemasOf({ schema }: SetupInput): readonly { schema: string; owners: readonly string[] }[] {
  if (schema === undefined) return [{ schema: 'public', owners: [] }]
  const names = [...new Set(schema.tables.map((table) => table.schema))]
  return names.map((name) => ({
    schema: name,
    owners: [...new Set(schema.tables.filter((table) => table.schema === name).map(({ owner }) => owner))].sort(),
  }))
}

/** Views for what reads beside the gate: a standby, a dashboard. The gate itself masks by lineage and needs none. */
function maskedSection({ protect, schema }: SetupInput): string {
  const hidden = new Set(protect)
  const tables = (schema?.tables ?? []).filter(({ schema: at, name, columns }) =>
    columns.some((column) => hidden.has(`${at}.${name}.${column.name}`)),
  )
  if (tables.length === 0) return ''
  return `-- Views without the protected columns, for programs that read beside the gate (a dashboard, a standby): grant
-- countersign_masked to their role instead of the tables. The gate masks by lineage and does not need them.
DO $countersign$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'countersign_masked') THEN
    CREATE ROLE countersign_masked NOLOGIN;
  END IF;
END $countersign$;
CREATE SCHEMA IF NOT EXISTS countersign_masked;
REVOKE ALL ON SCHEMA countersign_masked FROM PUBLIC;
GRANT USAGE ON SCHEMA countersign_masked TO countersign_masked;
${tables.map((table) => maskedView(table, hidden)).join('\n')}
GRANT SELECT ON ALL TABLES IN SCHEMA countersign_masked TO countersign_masked;
`
}

function maskedView({ schema, name, columns }: SchemaTable, hidden: ReadonlySet<string>): string {
  const shown = columns.map((column) =>
    hidden.has(`${schema}.${name}.${column.name}`)
      ? `NULL::${column.type} AS ${quoteName(column.name)}`
      : quoteName(column.name),
  )
  const view = schema === 'public' ? name : `${schema}_${name}`
  // A view whose columns have changed cannot be replaced.
  return `DROP VIEW IF EXISTS countersign_masked.${quoteName(view)};
CREATE VIEW countersign_masked.${quoteName(view)} WITH (security_barrier) AS
  SELECT ${shown.join(', ')} FROM ${quoteName(schema)}.${quoteName(name)};`
}

/** What only the owner can decide: shown, not done. */
function cautionSection({ schema }: SetupInput): string {
  const definers = (schema?.openDefiners ?? []).map(
    (name) => `--   REVOKE EXECUTE ON FUNCTION ${comment(name)} FROM PUBLIC;`,
  )
  const reaching = schema?.reaching ?? []
  const parts = [
    ...(definers.length === 0
      ? []
      : ['-- Anybody may call these functions, and they act as their owner. Where that is not meant:', ...definers]),
    ...(reaching.length === 0
      ? []
      : [
          `-- These extensions reach outside the database; drop them, or revoke their functions: ${reaching.map(comment).join(', ')}.`,
        ]),
  ]
  return parts.length === 0 ? '' : `${parts.join('\n')}\n`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name inside a comment: it must not end the line. */
function comment(name: string): string {
  return name.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?')
}
