import type { Writable } from 'node:stream'
import type { Connection, Submittable } from 'pg'
import { serialize } from 'pg-protocol'

/** One statement on the extended protocol, and what of its result is wanted. */
export interface PortalRequest {
  readonly text: string
  /** Text forms of $1, $2, ...; null is NULL. */
  readonly params: readonly (string | null)[]
  /** Type OIDs of the parameters as judged; 0 or absent lets the server decide. */
  readonly types: readonly number[]
  /** The server stops after this many rows. */
  readonly maxRows: number
  /** The connection is cut when the server sends more than this, in columns that are not hidden. */
  readonly maxBytes: number
  readonly prepared?: PreparedRequest | undefined
  /** Columns that nobody will see. Their values are dropped, and do not count: a limit would tell how long they are. */
  readonly hidden?: readonly boolean[] | undefined
}

/** What the hidden columns of one row may have; more would have to be held in memory to be dropped. */
const HIDDEN_BYTES = 64 * 1024 * 1024

/**
 * What was prepared before under a name; the request's text is then not sent. The transaction is rolled back behind it, and
 * nothing of it outlives that: no setting, no lock, no object of the session.
 */
export interface PreparedRequest {
  readonly name: string
  /** Asked behind it, by name: one row of one column. */
  readonly witness: string
}

interface PrecededRequest extends PortalRequest {
  /** Statements of ours without a result, sent in front: when one fails, the server skips the request. */
  readonly before: readonly string[]
}

export interface PortalField {
  readonly name: string
  readonly typeId: number
}

export interface PortalResult {
  readonly fields: readonly PortalField[]
  /** Values in the server's text form. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** `DELETE`, `SELECT`, ...; undefined when the server stopped at maxRows. */
  readonly command: string | undefined
  /** The count in the command tag. */
  readonly count: number | undefined
  /** What the witness answered. */
  readonly witness: string | null | undefined
  /** The transaction was rolled back behind it. */
  readonly hasEnded: boolean
}

/** The server sent more than `maxBytes`; the connection is gone. */
export class ResultTooLarge extends Error {
  override readonly name = 'ResultTooLarge'
}

/**
 * Sends Parse, Bind, Describe, Execute with a row limit, Close and Sync in one go. pg's own query would fetch the rest
 * of the rows after the limit, and without parameters it would use the simple protocol, which takes several statements.
 */
export function createPortalQuery(request: PrecededRequest): { query: Submittable; result: Promise<PortalResult> } {
  let fields: readonly PortalField[] = []
  const rows: (readonly (string | null)[])[] = []
  let tag: string | undefined
  let toComplete = request.before.length
  let isDone = false
  let witness: string | null | undefined
  let hasEnded = false
  let bytes: ByteLimit | undefined
  const stop = (): void => bytes?.stop()
  let failure: Error | undefined
  let resolve: (result: PortalResult) => void
  let reject: (error: Error) => void
  const result = new Promise<PortalResult>((onResult, onError) => {
    resolve = onResult
    reject = onError
  })
  const query = {
    submit(connection: Connection): undefined {
      bytes = limitBytes(connection, request, (error) => {
        failure = error
      })
      send(connection as unknown as WritableConnection, request)
    },
    handleRowDescription(message: { fields: readonly { name: string; dataTypeID: number }[] }) {
      fields = message.fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID }))
    },
    handleDataRow(message: { length: number; fields: readonly (string | null)[] }) {
      if (isDone) {
        witness = message.fields[0]
        return
      }
      const { hidden = [] } = request
      let dropped = 0
      const shown = message.fields.map((value, index) => {
        if (value === null || hidden[index] !== true) return value
        dropped += Buffer.byteLength(value)
        return null
      })
      bytes?.row(message.length, dropped)
      rows.push(shown)
    },
    handleCommandComplete(message: { text: string }) {
      // The first answers are those of the statements in front.
      if (toComplete > 0) toComplete -= 1
      else if (!isDone) {
        tag = message.text
        isDone = true
      } else hasEnded = message.text === 'ROLLBACK'
    },
    // Close and Sync are on their way already.
    handlePortalSuspended() {
      isDone = true
    },
    handleEmptyQuery() {},
    handleCopyInResponse(connection: WritableConnection) {
      connection.sendCopyFail('not supported')
    },
    handleCopyData() {},
    handleError(error: Error) {
      stop()
      reject(failure ?? error)
    },
    handleReadyForQuery() {
      stop()
      // Everything may have been here already when the limit was reached.
      if (failure !== undefined) return reject(failure)
      const count = tag?.match(/ (\d+)$/)?.[1]
      resolve({
        fields,
        rows,
        command: tag?.replace(/[ \d]+$/, ''),
        count: count === undefined ? undefined : Number(count),
        witness,
        hasEnded,
      })
    },
  }
  return { query: query as unknown as Submittable, result }
}

/** What pg's Connection can do and its type declarations leave out. */
interface WritableConnection {
  readonly stream: Writable
  sendCopyFail(message: string): void
}

function send(
  connection: WritableConnection,
  { text, params, types, maxRows, before, prepared }: PrecededRequest,
): void {
  const messages = before.flatMap(runOnce)
  if (prepared === undefined) messages.push(serialize.parse({ text, types: [...types] }))
  messages.push(
    serialize.bind({ statement: prepared?.name ?? '', values: [...params] }),
    serialize.describe({ type: 'P' }),
    serialize.execute({ rows: maxRows }),
    serialize.close({ type: 'P' }),
  )
  if (prepared !== undefined) {
    messages.push(serialize.bind({ statement: prepared.witness }), serialize.execute(), ...runOnce('ROLLBACK'))
  }
  messages.push(serialize.sync())
  connection.stream.write(Buffer.concat(messages))
}

function runOnce(text: string): Buffer[] {
  return [serialize.parse({ text }), serialize.bind(), serialize.execute()]
}

interface ByteLimit {
  /** A whole row has arrived: its bytes on the wire, and how many of them are hidden values. */
  row(bytes: number, hidden: number): void
  stop(): void
}

/** Counts what arrives, and cuts the connection over the limit: a row of 1 GB would otherwise be held in memory. */
function limitBytes(
  connection: Connection,
  { maxBytes, hidden }: PortalRequest,
  onExcess: (error: Error) => void,
): ByteLimit {
  const { stream } = connection
  const limit = maxBytes + (hidden === undefined ? 0 : HIDDEN_BYTES)
  let received = 0
  let visible = 0
  const check = (): void => {
    if ((received <= limit && visible <= maxBytes) || stream.destroyed) return
    onExcess(new ResultTooLarge(`more than ${maxBytes} bytes`))
    stream.destroy()
  }
  const count = (chunk: Buffer): void => {
    received += chunk.length
    check()
  }
  stream.on('data', count)
  return {
    row(bytes, dropped) {
      received -= dropped
      visible += bytes - dropped
      check()
    },
    stop: () => stream.off('data', count),
  }
}

/** Parses a statement without running it, and tells the types of its parameters and the names of its columns. */
export function createDescribeQuery(text: string): { query: Submittable; result: Promise<readonly number[]> } {
  let resolve: (types: readonly number[]) => void
  let reject: (error: Error) => void
  let types: readonly number[] = []
  const result = new Promise<readonly number[]>((onResult, onError) => {
    resolve = onResult
    reject = onError
  })
  let stop = (): void => undefined
  const query = {
    submit(connection: Connection): undefined {
      const note = (message: { dataTypeIDs: readonly number[] }): void => {
        types = message.dataTypeIDs
      }
      connection.on('parameterDescription', note)
      stop = () => connection.off('parameterDescription', note)
      const { stream } = connection as unknown as WritableConnection
      stream.write(Buffer.concat([serialize.parse({ text }), serialize.describe({ type: 'S' }), serialize.sync()]))
    },
    handleRowDescription() {},
    handleError(error: Error) {
      stop()
      reject(error)
    },
    handleReadyForQuery() {
      stop()
      resolve(types)
    },
  }
  return { query: query as unknown as Submittable, result }
}
