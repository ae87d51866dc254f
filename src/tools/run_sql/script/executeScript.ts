import type { Json, StartedCall } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { Report, ToolOutput } from '../../tool.ts'
import type { ConnectionPools } from '../connectionPools.ts'
import { COUNT_CHANGES, readChanges } from '../countChanges.ts'
import { checkCountable, commit, disclosureOf, tagCount } from '../execute.ts'
import { type Judgement, judgeStatement } from '../judgeStatement.ts'
import { OUTCOME_REF, readOutcomeRef } from '../lookUpOutcome.ts'
import { type Disclosure, scrubError } from '../scrubError.ts'
import type { TakenSession } from '../session/createSessionPool.ts'
import type { PortalResult } from '../session/portalQuery.ts'
import type { PostgresConnection } from '../settings.ts'
import { redefinedBy } from './dependence.ts'
import { holdToApproved } from './holdToApproved.ts'
import type { JudgedPart } from './judgedPart.ts'
import { readProtectedPlaces } from './protectedPlaces.ts'

/** A judged script in the open transaction it was judged in. */
export interface OpenScript {
  readonly connectionName: string
  readonly settings: PostgresConnection
  readonly session: TakenSession
  readonly parts: readonly JudgedPart[]
}

/** Each statement has the connection's time limit; all of them together have this many times as much. */
const TIMES_LIMIT = 10

interface Ran {
  readonly part: JudgedPart
  readonly command: string
  /** Rows that the server's answer names; undefined for definitions. */
  readonly rows: number | undefined
}

/**
 * Runs a script statement by statement and commits all of it or nothing. Just before a statement runs it is judged once
 * more, with everything before it applied: it must mean what it meant, or, where that could not be told, do no more than
 * was shown. Rows that statements answer are thrown away.
 */
export async function executeScript(
  open: OpenScript,
  call: StartedCall,
  beforeCommit: (outcomeRef: Json) => Promise<void>,
  signal: AbortSignal,
  pools: ConnectionPools,
  report: Report = () => undefined,
): Promise<ToolOutput> {
  const { session, parts, settings, connectionName } = open
  // Not AbortSignal.timeout within AbortSignal.any, which Node 20 can collect as garbage before it fires.
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), settings.limits.statementTimeout * TIMES_LIMIT)
  const cancel = (): void => void session.cancel()
  for (const stop of [signal, limit.signal]) stop.addEventListener('abort', cancel, { once: true })
  const checkTime = (): void => {
    for (const stop of [signal, limit.signal]) stop.throwIfAborted()
  }
  const disclosure = disclosureOfAll(parts)
  const ran: Ran[] = []
  let ref: { txid: string; system: string }
  let changed: number | undefined
  try {
    checkTime()
    if (call.constraints.maxRows !== undefined) parts.forEach(checkPartCountable)
    const [counted, transaction] = await session.batch([COUNT_CHANGES, OUTCOME_REF])
    const places = await readProtectedPlaces(session, settings.protect)
    for (const part of parts) {
      checkTime()
      report(`statement ${part.number} of ${parts.length}`)
      ran.push(await runPart(open, part, places))
    }
    session.precede('SET CONSTRAINTS ALL IMMEDIATE')
    const [counts, atEnd] = await session.batch([COUNT_CHANGES, OUTCOME_REF])
    ref = readOutcomeRef(atEnd)
    // One transaction, from the first statement to the last.
    if (ref.txid !== readOutcomeRef(transaction).txid) throw new GateError('ERR_SQL_CHANGED')
    changed = rowsChanged(readChanges(counted), readChanges(counts), ran, call.constraints.maxRows)
    checkTime()
  } catch (error) {
    // The session's transaction is rolled back when it is given back, which every way out leads to.
    throw tell(error, parts[ran.length], disclosure, signal, limit.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
  }
  await beforeCommit(ref)
  await commit({ session, connectionName, disclosure }, ref, pools, signal)
  return toOutput(ran, changed, settings)
}

async function runPart(open: OpenScript, part: JudgedPart, places: string): Promise<Ran> {
  const { session, settings, parts } = open
  const { number, statement, text } = part
  if (parts.slice(0, number - 1).some(mayRedefine)) {
    if ((await readProtectedPlaces(session, settings.protect)) !== places) {
      throw new GateError('ERR_SQL_SCRIPT_CHANGED', {
        detail: `Statement ${number}: a statement before it moved a protected column; end the script with that one.`,
        facts: { statement: number },
      })
    }
  }
  const now = await judgeStatement(session, text, statement, 0, settings)
  if (part.judgement === undefined) holdToApproved(number, now, part.operations)
  else if (!isSame(now, part.judgement)) throw changedAt(number)
  const result = await session.run({
    text,
    params: [],
    types: [],
    maxRows: settings.limits.maxRows + 1,
    maxBytes: settings.limits.maxBytes,
    // Nobody sees any of its rows; and how long they are must not tell.
    hidden: now.analysis?.outputs.map(() => true),
  })
  // The server stopped in the middle of a result.
  if (result.command === undefined) throw new GateError('ERR_SQL_RESULT_TOO_LARGE')
  if (statement.form === 'query') {
    const after = await judgeStatement(session, text, statement, 0, settings)
    if (!isSame(after, now)) throw changedAt(number)
  }
  return { part, command: result.command, rows: rowsOf(part, result) }
}

function rowsOf({ statement }: JudgedPart, result: PortalResult): number | undefined {
  return statement.form === 'query' && statement.kind !== 'SelectStmt' ? tagCount({ statement }, result) : undefined
}

/** Definitions, and changes that run code of somebody's. */
function mayRedefine({ statement, operations }: JudgedPart): boolean {
  const redefined = redefinedBy(statement)
  const runsCode = operations.some(({ operation }) => OPAQUE.test(operation))
  return redefined === 'anything' || redefined.size > 0 || runsCode
}

const OPAQUE = /^(?:function|trigger|rule|code|foreign):/

function isSame(now: Judgement, before: Judgement): boolean {
  return (
    JSON.stringify(now.judged) === JSON.stringify(before.judged) &&
    JSON.stringify(now.operations) === JSON.stringify(before.operations)
  )
}

function changedAt(number: number): GateError {
  return new GateError('ERR_SQL_CHANGED', { detail: `Statement ${number}.`, facts: { statement: number } })
}

/** A later statement changes what is there only as far as its text says, and that is what is checked here. */
function checkPartCountable({ statement, operations }: JudgedPart): void {
  checkCountable({ statement, judgement: { operations, analysis: undefined, judged: null } })
}

function rowsChanged(
  before: number | undefined,
  after: number | undefined,
  ran: readonly Ran[],
  maxRows: number | undefined,
): number | undefined {
  const counted = before === undefined || after === undefined ? undefined : after - before
  if (maxRows !== undefined && counted === undefined) throw new GateError('ERR_SQL_MAX_ROWS_UNKNOWN')
  const told = ran.reduce((sum, { rows }) => sum + (rows ?? 0), 0)
  const changed = Math.max(counted ?? 0, told)
  if (maxRows !== undefined && changed > maxRows) {
    throw new GateError('ERR_SQL_MAX_ROWS', {
      detail: `It changed ${changed}; the limit is ${maxRows}.`,
      facts: { changed, limit: maxRows },
    })
  }
  // What cannot be counted may be more than what was told.
  return counted === undefined && ran.some(({ rows }) => rows === undefined) && told === 0 ? undefined : changed
}

/** The server's own words only where no statement of the script could make them tell anything. */
function disclosureOfAll(parts: readonly JudgedPart[]): Disclosure {
  const each = parts.map(({ judgement }) => (judgement === undefined ? 'nothing' : disclosureOf({ judgement })))
  if (each.includes('nothing')) return 'nothing'
  return each.includes('names') ? 'names' : 'message'
}

function tell(
  error: unknown,
  part: JudgedPart | undefined,
  disclosure: Disclosure,
  signal: AbortSignal,
  limit: AbortSignal,
): GateError {
  const isLate = limit.aborted && !signal.aborted
  const told =
    isLate && !(error instanceof GateError) ? new GateError('ERR_SQL_TIMEOUT') : scrubError(error, disclosure, signal)
  if (part === undefined || told.facts.statement !== undefined || !told.code.startsWith('ERR_SQL_')) return told
  const detail = told.detail === undefined ? `Statement ${part.number}.` : `Statement ${part.number}: ${told.detail}`
  return new GateError(told.code, { detail, cause: told, facts: { ...told.facts, statement: part.number } })
}

function toOutput(ran: readonly Ran[], changed: number | undefined, settings: PostgresConnection): ToolOutput {
  const { maxRows, maxBytes } = settings.limits
  return {
    table: {
      columns: [
        { name: 'statement', type: 'int4', protectedBy: [] },
        { name: 'command', type: 'text', protectedBy: [] },
        { name: 'rows_changed', type: 'int4', protectedBy: [] },
      ],
      rows: ran.map(({ part, command, rows }) => [part.number, command, rows ?? null]),
    },
    command: 'SCRIPT',
    rowsChanged: changed,
    truncated: false,
    caps: { maxRows, maxBytes },
    masked: [],
  }
}
