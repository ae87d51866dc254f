import type { Writable } from 'node:stream'
import type { Connection, Submittable } from 'pg'
import { serialize } from 'pg-protocol'
import type { BatchStatement, SessionRows } from '../analysis/session.ts'

export interface SentStatement extends BatchStatement {
  /** Prepares it under its name, and does not run it: its answer is no rows. */
  readonly isOnlyPrepared?: boolean
}

/** What pg's Connection has and its type declarations leave out. */
interface BatchConnection {
  readonly stream: Writable
  /** Statements that the server keeps for this session, by name. pg's own queries use the same list. */
  readonly parsedStatements: Record<string, string>
  on(event: 'parseComplete', listener: () => void): void
  off(event: 'parseComplete', listener: () => void): void
}

/**
 * Sends several statements and one Sync: one round trip. The server runs them in order, and after one that fails it
 * skips the rest (protocol: everything up to the Sync), so none ever runs without those before it. Values come as text.
 */
export function createBatchQuery(statements: readonly SentStatement[]): {
  query: Submittable
  result: Promise<readonly SessionRows[]>
} {
  const results: SessionRows[] = []
  let running: readonly RunningStatement[] = []
  let rows: Record<string, unknown>[] = []
  let stop = (): void => undefined
  let resolve: (results: readonly SessionRows[]) => void
  let reject: (error: Error) => void
  const result = new Promise<readonly SessionRows[]>((onResult, onError) => {
    resolve = onResult
    reject = onError
  })
  const query = {
    submit(connection: Connection): undefined {
      const sent = send(connection as unknown as BatchConnection, statements)
      running = sent.running
      stop = sent.stop
    },
    handleRowDescription(message: { fields: readonly { name: string }[] }) {
      running[results.length]?.describe(message.fields.map(({ name }) => name))
    },
    handleDataRow(message: { fields: readonly (string | null)[] }) {
      const names = running[results.length]?.columns() ?? []
      rows.push(Object.fromEntries(names.map((name, index) => [name, message.fields[index] ?? null])))
    },
    handleCommandComplete() {
      results.push({ rows })
      rows = []
    },
    handleEmptyQuery() {},
    handleCopyInResponse(connection: { sendCopyFail(message: string): void }) {
      connection.sendCopyFail('not supported')
    },
    handleCopyData() {},
    handleError(error: Error) {
      stop()
      reject(error)
    },
    handleReadyForQuery() {
      stop()
      resolve(
        statements.map(({ isOnlyPrepared }) => (isOnlyPrepared === true ? undefined : results.shift()) ?? { rows: [] }),
      )
    },
  }
  return { query: query as unknown as Submittable, result }
}

/** Names come and go with what the session holds. */
const MAX_DESCRIBED = 100

/** One statement that is run, and the names of its columns once they are known. */
interface RunningStatement {
  describe(columns: readonly string[]): void
  columns(): readonly string[] | undefined
}

/** Columns of prepared statements, by name: the server refuses to run one whose columns have changed. */
const described = new WeakMap<BatchConnection, Map<string, readonly string[]>>()

function send(
  connection: BatchConnection,
  statements: readonly SentStatement[],
): { readonly running: readonly RunningStatement[]; readonly stop: () => void } {
  const { parsedStatements: kept } = connection
  const known = described.get(connection) ?? new Map<string, readonly string[]>()
  described.set(connection, known)
  if (known.size > MAX_DESCRIBED) known.clear()
  const parsing: SentStatement[] = []
  // Only what the server has acknowledged is kept: after an error the later ones were never parsed.
  const onParsed = (): void => {
    const parsed = parsing.shift()
    if (parsed?.name !== undefined) kept[parsed.name] = parsed.text
  }
  connection.on('parseComplete', onParsed)
  const messages: Buffer[] = []
  const running: RunningStatement[] = []
  for (const statement of statements) {
    const { text, params = [], name = '', isOnlyPrepared = false } = statement
    const isSent = parsing.some((sent) => sent.name === name && sent.text === text)
    const isPrepared = name !== '' && (kept[name] === text || isSent)
    if (!isPrepared) {
      messages.push(serialize.parse({ text, name }))
      parsing.push(statement)
    }
    if (isOnlyPrepared) continue
    messages.push(serialize.bind({ statement: name, values: params.map(toText) }))
    let columns = isPrepared ? known.get(name) : undefined
    if (columns === undefined) messages.push(serialize.describe({ type: 'P' }))
    messages.push(serialize.execute())
    running.push({
      describe: (names) => {
        columns = names
        if (name !== '') known.set(name, names)
      },
      columns: () => columns,
    })
  }
  messages.push(serialize.sync())
  // One write: each costs the server's and our own thread a turn.
  connection.stream.write(Buffer.concat(messages))
  return { running, stop: () => connection.off('parseComplete', onParsed) }
}

/** Text, and one-dimensional arrays of text, as the server reads them. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (!Array.isArray(value)) return String(value)
  return `{${value.map((item) => `"${String(item).replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}
