import type { Connection, Submittable } from 'pg'
import type { BatchStatement, SessionRows } from '../analysis/session.ts'

export interface SentStatement extends BatchStatement {
  /** Prepares it under its name, and does not run it: its answer is no rows. */
  readonly isOnlyPrepared?: boolean
}

/** What pg's Connection can do and its type declarations leave out. */
interface BatchConnection {
  readonly stream: { cork(): void; uncork(): void }
  /** Statements that the server keeps for this session, by name. pg's own queries use the same list. */
  readonly parsedStatements: Record<string, string>
  on(event: 'parseComplete', listener: () => void): void
  off(event: 'parseComplete', listener: () => void): void
  parse(message: { text: string; name: string; types: readonly number[] }): void
  bind(message: { portal: string; statement: string; values: readonly (string | null)[] }): void
  describe(message: { type: 'P' | 'S'; name: string }): void
  execute(message: { portal: string; rows: number }): void
  sync(): void
  sendCopyFail(message: string): void
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
  let names: readonly string[] = []
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
      stop = send(connection as unknown as BatchConnection, statements)
    },
    handleRowDescription(message: { fields: readonly { name: string }[] }) {
      names = message.fields.map(({ name }) => name)
    },
    handleDataRow(message: { fields: readonly (string | null)[] }) {
      rows.push(Object.fromEntries(names.map((name, index) => [name, message.fields[index] ?? null])))
    },
    handleCommandComplete() {
      results.push({ rows })
      names = []
      rows = []
    },
    handleEmptyQuery() {},
    handleCopyInResponse(connection: BatchConnection) {
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

function send(connection: BatchConnection, statements: readonly SentStatement[]): () => void {
  const { parsedStatements: kept } = connection
  const parsing: BatchStatement[] = []
  // Only what the server has acknowledged is kept: after an error the later ones were never parsed.
  const onParsed = (): void => {
    const parsed = parsing.shift()
    if (parsed?.name !== undefined) kept[parsed.name] = parsed.text
  }
  connection.on('parseComplete', onParsed)
  connection.stream.cork()
  try {
    for (const statement of statements) {
      const { text, params = [], name = '', isOnlyPrepared = false } = statement
      const isSent = parsing.some((sent) => sent.name === name && sent.text === text)
      if (name === '' || (kept[name] !== text && !isSent)) {
        connection.parse({ text, name, types: [] })
        parsing.push(statement)
      }
      if (isOnlyPrepared) continue
      connection.bind({ portal: '', statement: name, values: params.map(toText) })
      connection.describe({ type: 'P', name: '' })
      connection.execute({ portal: '', rows: 0 })
    }
    connection.sync()
  } finally {
    connection.stream.uncork()
  }
  return () => connection.off('parseComplete', onParsed)
}

/** Text, and one-dimensional arrays of text, as the server reads them. */
function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (!Array.isArray(value)) return String(value)
  return `{${value.map((item) => `"${String(item).replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}
