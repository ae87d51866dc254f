import { Client } from 'pg'
import { GateError } from '../../../errors.ts'
import type { ReadSecret } from '../../../settings/secretReference.ts'
import type { BatchStatement } from '../analysis/session.ts'
import type { PostgresConnection } from '../settings.ts'
import { isMajor, type Major } from '../syntax/parse.ts'
import { createBatchQuery, type SentStatement } from './batchQuery.ts'
import { cancelRequest } from './cancelRequest.ts'
import { createHeldStatements, type HeldStatements } from './heldStatements.ts'
import { createDescribeQuery, createPortalQuery, type PortalRequest, type PortalResult } from './portalQuery.ts'
import { readTlsOptions } from './tlsOptions.ts'

/** `read` has SELECT; `write` is a role of its own. */
export type Role = 'read' | 'write'

/** One authenticated session at the server, used by one call at a time. */
export interface Session {
  readonly major: Major
  readonly role: Role
  /** One statement of ours. Errors are the driver's own: scrub them before anybody sees them. */
  query(text: string, params?: readonly unknown[], name?: string): Promise<SessionRows>
  /** Several of them in one round trip, in order: after one that fails, none runs. Values come as text. */
  batch(statements: readonly SentStatement[]): Promise<readonly SessionRows[]>
  /** Sends `text` in front of whatever comes next, in the same round trip: when it fails, that does not run. */
  precede(text: string): void
  /** What it holds prepared over the calls. */
  readonly held: HeldStatements
  /** Runs the agent's text, held to a number of rows and bytes. */
  run(request: PortalRequest): Promise<PortalResult>
  /** Type OIDs of the parameters of a text, which is parsed and not run. */
  parameterTypes(text: string): Promise<readonly number[]>
  /**
   * Ends everything that a call can have left: transaction, settings, locks, prepared statements, temporary tables. Does
   * nothing right after a request that left nothing. Throws after `cancel`.
   */
  reset(): Promise<void>
  /** Throws when the session no longer reads text as it was judged (encoding, string syntax). */
  check(): void
  /** Stops what is running. The session cannot be used afterwards. */
  cancel(): Promise<void>
  /** False once the connection is lost. */
  isOpen(): boolean
  close(): Promise<void>
}

export interface SessionRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** What must hold for text to mean at the server what it meant to the parser. */
const REQUIRED_PARAMETERS = {
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
} as const

const CONNECT_TIMEOUT_MS = 10_000
/** A session whose transaction waits longer than this was forgotten; the server ends it. */
const IDLE_IN_TRANSACTION_MS = 60_000

/**
 * Connects as one of the connection's roles. The secret is read for each attempt: when the server refuses it and it has
 * changed since (rotation), one more attempt is made.
 */
export async function openSession(settings: PostgresConnection, role: Role, readSecret: ReadSecret): Promise<Session> {
  const credential = settings[role]
  if (credential === undefined) throw new GateError('ERR_SQL_ROLE', { detail: 'It has no write role.' })
  const read = async (): Promise<string | undefined> =>
    credential.password === undefined ? undefined : readSecret(credential.password)
  const password = await read()
  try {
    return await connect(settings, role, credential.user, password)
  } catch (error) {
    if (!isRefused(error)) throw unavailable(error)
    const again = await read()
    try {
      if (again !== password) return await connect(settings, role, credential.user, again)
    } catch (second) {
      if (!isRefused(second)) throw unavailable(second)
    }
    throw new GateError('ERR_TARGET_CREDENTIALS', { cause: error })
  }
}

function isRefused(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === '28P01' || code === '28000'
}

function unavailable(error: unknown): GateError {
  return error instanceof GateError ? error : new GateError('ERR_TARGET_UNAVAILABLE', { cause: error })
}

async function connect(
  settings: PostgresConnection,
  role: Role,
  user: string,
  password: string | undefined,
): Promise<Session> {
  const tls = await readTlsOptions(settings)
  const client = new Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user,
    // An empty string would make pg look into the environment and the user's password file.
    password: () => password ?? '',
    ssl: tls,
    client_encoding: 'UTF8',
    application_name: 'countersign',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    options: startupOptions(settings, role),
  })
  const parameters = new Map<string, string>()
  let open = true
  const connection = (
    client as unknown as {
      connection: NodeJS.EventEmitter & { stream: { destroy(): void }; parsedStatements: Record<string, string> }
    }
  ).connection
  let before: BatchStatement[] = []
  /** Nothing was sent since a request that left nothing. */
  let isClean = false
  let isCancelled = false
  const takeBefore = (): readonly BatchStatement[] => before.splice(0)
  connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
    parameters.set(message.parameterName, message.parameterValue)
  })
  const ended = new Promise<void>((resolve) => {
    client.once('end', () => {
      open = false
      resolve()
    })
  })
  client.on('error', () => {
    open = false
  })
  await client.connect()

  const check = (): void => {
    for (const [name, wanted] of Object.entries(REQUIRED_PARAMETERS)) {
      if (parameters.get(name) !== wanted) {
        throw new GateError('ERR_SQL_SERVER', { detail: `Its ${name} is not ${wanted}.`, facts: { parameter: name } })
      }
    }
  }
  const major = Number.parseInt(parameters.get('server_version') ?? '', 10)
  try {
    if (!isMajor(major)) {
      throw new GateError('ERR_SQL_SERVER', { detail: 'Supported are PostgreSQL 15, 16, 17 and 18.' })
    }
    check()
  } catch (error) {
    await client.end()
    throw error
  }
  // Where it cannot be made (a standby, a role without TEMP), the analysis of a statement says so.
  await client.query(MAKE_TEMPORARY_SCHEMA).catch(() => client.query('ROLLBACK'))
  /** The server enforces the time limit; this is for a server or a network that no longer answers. */
  const withDeadline = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => connection.stream.destroy(), settings.limits.statementTimeout + CONNECT_TIMEOUT_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }
  const sendBatch = (statements: readonly SentStatement[]): Promise<readonly SessionRows[]> => {
    isClean = false
    const { query, result } = createBatchQuery(statements)
    client.query(query)
    return withDeadline(result)
  }
  const parsed = (): Record<string, string> => connection.parsedStatements
  const held = createHeldStatements(parsed)
  return {
    major,
    role,
    held,
    check,
    query: async (text, params = [], name) => {
      isClean = false
      if (before.length > 0) await sendBatch(takeBefore())
      const config = { text, values: [...params], queryMode: 'extended', ...(name !== undefined && { name }) }
      return withDeadline(client.query(config as { text: string }))
    },
    batch: async (statements) => {
      const first = takeBefore()
      return (await sendBatch([...first, ...statements])).slice(first.length)
    },
    precede: (text) => {
      before = [...before, { text }]
    },
    reset: async () => {
      // The request to stop may arrive at any time from now on, and would stop the next call.
      if (isCancelled) throw new GateError('ERR_TARGET_UNAVAILABLE')
      before = []
      const dropped = held.takeDropped()
      if (isClean && dropped.length === 0) return
      isClean = false
      const deallocate = dropped.map((name) => `DEALLOCATE ${name};`).join(' ')
      for (const name of dropped) delete parsed()[name]
      const text = `ROLLBACK; ${deallocate} ${RESET}`
      const results = await withDeadline(client.query(text) as unknown as Promise<readonly SessionRows[]>)
      const [row] = results.at(-1)?.rows ?? []
      // Only we can prepare by the protocol. Code that a call ran can make statements by SQL, and remove ours.
      if (row?.made === false && Number(row.prepared) === Object.keys(parsed()).length) return
      for (const name of Object.keys(parsed())) delete parsed()[name]
      await withDeadline(client.query('DISCARD ALL'))
    },
    run: (request) => {
      check()
      isClean = false
      const { query, result } = createPortalQuery({ ...request, before: takeBefore().map(({ text }) => text) })
      client.query(query)
      return withDeadline(result).then((answer) => {
        isClean = request.prepared !== undefined && answer.hasEnded
        return answer
      })
    },
    parameterTypes: async (text) => {
      check()
      isClean = false
      if (before.length > 0) await sendBatch(takeBefore())
      const { query, result } = createDescribeQuery(text)
      client.query(query)
      return withDeadline(result)
    },
    cancel: async () => {
      isCancelled = true
      await cancelRequest(client, tls)
    },
    isOpen: () => open,
    close: async () => {
      if (!open) return
      await Promise.race([
        client.end(),
        ended,
        new Promise<void>((resolve) => {
          setTimeout(() => {
            connection.stream.destroy()
            resolve()
          }, 2_000).unref()
        }),
      ])
    },
  }
}

/**
 * After ROLLBACK: DISCARD ALL, word by word as its documentation spells it out, but for DEALLOCATE ALL and DISCARD PLANS: our prepared
 * statements save the server more than a millisecond of planning in every call. What else is prepared is counted.
 */
const RESET = `CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;
  DISCARD TEMP; DISCARD SEQUENCES;
  SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.count(*) AS prepared, coalesce(pg_catalog.bool_or(from_sql), false) AS made
    FROM pg_catalog.pg_prepared_statements`

/**
 * Commits the session's temporary schema, as any first temporary object does. An analysis that is rolled back would
 * otherwise make it each time, and every change of a schema makes the server plan all prepared statements again.
 */
const MAKE_TEMPORARY_SCHEMA = `BEGIN READ WRITE; CREATE PROCEDURE pg_temp.countersign_session() LANGUAGE sql BEGIN ATOMIC END;
  DROP PROCEDURE pg_temp.countersign_session(); COMMIT`

/** Settings that hold from the first byte on and come back after `DISCARD ALL`; a role's own defaults do not win. */
function startupOptions(settings: PostgresConnection, role: Role): string {
  const { statementTimeout } = settings.limits
  const options = {
    standard_conforming_strings: 'on',
    search_path: [...settings.searchPath, 'pg_temp'].join(','),
    statement_timeout: String(statementTimeout),
    lock_timeout: String(Math.min(statementTimeout, 10_000)),
    idle_in_transaction_session_timeout: String(Math.max(IDLE_IN_TRANSACTION_MS, statementTimeout)),
    default_transaction_isolation: 'read\\ committed',
    // Analysis makes a temporary object, so its transaction says READ WRITE, and READ ONLY before the statement runs.
    default_transaction_read_only: role === 'read' ? 'on' : 'off',
    bytea_output: 'hex',
    DateStyle: 'ISO,MDY',
    IntervalStyle: 'postgres',
    extra_float_digits: '1',
  }
  return Object.entries(options)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')
}
