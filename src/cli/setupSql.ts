import { type Gate, loadGate } from '../config/liveConfig.ts'
import { GateError } from '../errors.ts'
import { selects } from '../policy/bindPolicy.ts'
import { matchesOperation } from '../policy/operationPattern.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { suggest } from '../settings/nearest.ts'
import type { ReadSecret } from '../settings/secretReference.ts'
import { drawSetupSql, type SetupInput } from '../tools/run_sql/setup/drawSetupSql.ts'
import { type DatabaseSchema, readSchema } from '../tools/run_sql/setup/readSchema.ts'
import { readTargetUrl } from '../tools/run_sql/setup/targetUrl.ts'
import type { Terminal } from './terminal.ts'

export interface SetupSqlRequest {
  readonly configPath: string
  readonly connection: string
  /** Look at the database as this user. Absent: as the connection's reading role, if it exists already. */
  readonly postgres: string | undefined
  /** PGPASSWORD, for `postgres`. */
  readonly password: string | undefined
}

interface SetupSqlParts {
  readonly tools: readonly JudgedTool[]
  readonly readSecret: ReadSecret
}

/** `countersign setup-sql CONNECTION`: prints the script that makes its roles. Changes nothing anywhere. */
export async function runSetupSql(
  { configPath, connection, postgres, password }: SetupSqlRequest,
  parts: SetupSqlParts,
  terminal: Terminal,
): Promise<0> {
  const gate = await loadGate(configPath, parts.tools)
  const settings = Object.hasOwn(gate.config.connections, connection) ? gate.config.connections[connection] : undefined
  if (settings === undefined || settings.type !== 'postgres') {
    const known = Object.entries(gate.config.connections).flatMap(([name, { type }]) =>
      type === 'postgres' ? [name] : [],
    )
    throw new GateError('ERR_ARGUMENTS', {
      detail: `No connection of type postgres has the name "${connection}"${suggest(connection, known)}.`,
    })
  }
  const { host, port, database, tls, read, write, limits, protect } = settings
  const asReader = async (): Promise<DatabaseSchema | undefined> => {
    // Before the first run there is no such role; then the script is made without looking.
    const secret = read.password && (await parts.readSecret(read.password).catch(() => undefined))
    return readSchema({ host, port, database, user: read.user, tls }, secret).catch(() => undefined)
  }
  const schema = postgres === undefined ? await asReader() : await readSchema(readTargetUrl(postgres), password)
  terminal.write(
    drawSetupSql({
      ...{ connection, database, read: read.user, write: write?.user, maxSessions: limits.maxSessions, schema },
      protect: protect.map(withSchema),
      writes: writesOf(gate, connection, settings.labels),
    }).trimEnd(),
  )
  return 0
}

/** Changes that a rule about this connection lets happen, alone or after approval. */
function writesOf(
  { policies }: Gate,
  name: string,
  labels: Readonly<Record<string, string>>,
): readonly SetupInput['writes'][number][] {
  const patterns = policies.policies
    .filter(({ connections }) => connections.some((selector) => selects(selector, { name, labels })))
    .flatMap(({ rules }) => rules.flatMap(({ action, operations }) => (action === 'deny' ? [] : (operations ?? []))))
  const opens = (operation: string) => patterns.some((pattern) => matchesOperation(pattern, operation))
  return (['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] as const).filter(
    (operation) => opens(operation) || (operation !== 'TRUNCATE' && opens('MERGE')),
  )
}

/** `users.email` is in schema public. */
function withSchema(column: string): string {
  return column.split('.').length === 2 ? `public.${column}` : column
}
