import type { Fact, Json, StartedCall } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { ToolColumn, ToolOutput } from '../tool.ts'
import { PROTECTION_QUESTION } from './analysis/readStatementTree.ts'
import { givesSameAnswers } from './analysis/recordAnswers.ts'
import type { ConnectionPools } from './connectionPools.ts'
import { convertValue, typeName } from './convertValue.ts'
import { COUNT_CHANGES, readChanges } from './countChanges.ts'
import { noteRun } from './holdStatement.ts'
import { type FreshJudgement, isJudgedTheSame, judgeInTransaction } from './judgeAgain.ts'
import type { JudgedCall } from './judgedCall.ts'
import type { Judgement } from './judgeStatement.ts'
import { lookUpOutcome, OUTCOME_REF, readOutcomeRef } from './lookUpOutcome.ts'
import { type Disclosure, scrubError } from './scrubError.ts'
import type { TakenSession } from './session/createSessionPool.ts'
import type { PortalResult } from './session/portalQuery.ts'
import { isObject } from './syntax/walkTree.ts'

/** A judged statement in the open transaction it was judged in. */
export interface OpenStatement extends JudgedCall, FreshJudgement {
  readonly connectionName: string
  readonly session: TakenSession
}

/** Bytes on the wire beyond the output cap: the cap counts masked values, and rows over the row cap are thrown away. */
const WIRE_FACTOR = 4
const WIRE_EXTRA = 4 * 1024 * 1024

/**
 * Runs a read in its READ ONLY transaction, which is always rolled back. A held statement that the server has analysed
 * again has perhaps run as something else: nobody sees that answer. It is judged once more, and runs as it is judged now
 * if that is what was decided about.
 */
export async function executeRead(open: OpenStatement, signal: AbortSignal): Promise<ToolOutput> {
  let current = open
  try {
    let result = await run(current, signal)
    if (open.held !== undefined && result.witness !== open.held.watched) {
      current = await judgeOnceMore(open, signal)
      result = await run(current, signal)
    }
    await checkFunctionsUnchanged(current)
    await checkKinUnchanged(current)
    noteRun(current)
    return toOutput(current, result, undefined)
  } catch (error) {
    throw scrubError(error, disclosureOf(current), signal)
  }
}

async function judgeOnceMore({ held: _, ...open }: OpenStatement, signal: AbortSignal): Promise<OpenStatement> {
  const { session, judgement } = open
  const fresh = await judgeInTransaction(session, open, undefined, signal)
  const decided = (of: Judgement): string => JSON.stringify([of.operations, of.judged])
  if (decided(fresh.judgement) !== decided(judgement)) throw new GateError('ERR_SQL_CHANGED')
  session.precede(READ_ONLY)
  return { ...open, ...fresh }
}

/** Sent in front of a read: it goes with the statement, which the server skips if it fails. Nothing switches it back. */
export const READ_ONLY = 'SET TRANSACTION READ ONLY'

/**
 * Runs a write and commits it, if it changed no more rows than allowed and nothing it uses was redefined meanwhile.
 * Nothing is left for COMMIT to run (deferred triggers) nor for us to fail at after it. `beforeCommit` makes the
 * transaction id durable; when the connection is lost after that, the outcome is looked up.
 */
export async function executeWrite(
  open: OpenStatement,
  call: StartedCall,
  beforeCommit: (outcomeRef: Json) => Promise<void>,
  signal: AbortSignal,
  pools: ConnectionPools,
): Promise<ToolOutput> {
  const { session, judgement } = open
  const { maxRows } = call.constraints
  let ref: { txid: string; system: string }
  let output: ToolOutput
  try {
    if (maxRows !== undefined) checkCountable(open)
    const before = readChanges((await session.batch([COUNT_CHANGES]))[0])
    const result = await run(open, signal)
    session.precede('SET CONSTRAINTS ALL IMMEDIATE')
    const [counts, transaction] = await session.batch([COUNT_CHANGES, OUTCOME_REF])
    const after = readChanges(counts)
    const counted = before === undefined || after === undefined ? undefined : after - before
    if (maxRows !== undefined && counted === undefined) throw new GateError('ERR_SQL_MAX_ROWS_UNKNOWN')
    const changed = open.statement.form === 'utility' ? undefined : Math.max(counted ?? 0, tagCount(open, result))
    if (maxRows !== undefined && changed !== undefined && changed > maxRows) {
      throw new GateError('ERR_SQL_MAX_ROWS', {
        detail: `It changed ${changed}; the limit is ${maxRows}.`,
        facts: { changed, limit: maxRows },
      })
    }
    await checkUnchanged(open)
    output = toOutput(open, result, judgement.analysis === undefined ? undefined : changed)
    ref = readOutcomeRef(transaction)
    signal.throwIfAborted()
  } catch (error) {
    // The session's transaction is rolled back when it is given back, which every way out leads to.
    throw scrubError(error, disclosureOf(open), signal)
  }
  await beforeCommit(ref)
  await commit({ ...open, disclosure: disclosureOf(open) }, ref, pools, signal)
  return output
}

async function run(open: OpenStatement, signal: AbortSignal): Promise<PortalResult> {
  const { session, sql, params, settings, held } = open
  signal.throwIfAborted()
  const cancel = (): void => void session.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await session.run({
      text: sql,
      params,
      types: [],
      maxRows: settings.limits.maxRows + 1,
      maxBytes: settings.limits.maxBytes * WIRE_FACTOR + WIRE_EXTRA,
      hidden: hiddenColumns(open),
      prepared: held && { name: held.name, witness: held.watch.name },
    })
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Columns that masking replaces whole; undefined when there are none. */
function hiddenColumns({ statement, judgement }: OpenStatement): readonly boolean[] | undefined {
  if (statement.form !== 'query') return undefined
  const hidden = judgement.analysis?.outputs.map(({ protectedBy }) => protectedBy.length > 0) ?? []
  return hidden.includes(true) ? hidden : undefined
}

/** TRUNCATE, DROP and the like change rows that nothing counts; so does a write at another server. */
export function checkCountable({ statement, judgement }: Pick<OpenStatement, 'statement' | 'judgement'>): void {
  const uncounted = judgement.operations.find(({ operation }) => /^(?:foreign|code):/.test(operation))
  if (statement.form === 'utility' || uncounted !== undefined) throw new GateError('ERR_SQL_MAX_ROWS_UNKNOWN')
}

/** The rows that the server's own answer names. */
export function tagCount({ statement }: Pick<OpenStatement, 'statement'>, { command, count }: PortalResult): number {
  return statement.kind === 'SelectStmt' || statement.form === 'explain' || command === undefined ? 0 : (count ?? 0)
}

/** Functions can be redefined without a lock; the facts are read again while everything can still be undone. */
async function checkUnchanged(open: OpenStatement): Promise<void> {
  if (open.statement.form !== 'query') return
  if (!(await isJudgedTheSame(open.session, open))) throw new GateError('ERR_SQL_CHANGED')
}

/** The same for a read, whose transaction can make no temporary object to analyse it again: tables are locked. */
async function checkFunctionsUnchanged({ session, judgement }: OpenStatement): Promise<void> {
  const judged = isObject(judgement.judged) ? judgement.judged.functions : undefined
  if (!Array.isArray(judged) || judged.length === 0) return
  const { rows } = await session.query(
    `SELECT p.oid::int8::text AS oid, p.xmin::text || '/' || p.ctid::text AS version
       FROM pg_catalog.unnest((SELECT $1::oid[])) AS given (oid) JOIN pg_catalog.pg_proc p ON p.oid = given.oid`,
    [judged.map(([oid]: [number, string]) => oid)],
    'countersign_functions',
  )
  const now = new Map(rows.map(({ oid, version }) => [Number(oid), version]))
  if (judged.some(([oid, version]: [number, string]) => now.get(oid) !== version))
    throw new GateError('ERR_SQL_CHANGED')
}

/**
 * Rows of a protected table that became a partition or an heir while a read ran: no lock of it keeps them out, and they
 * were not judged. The watch of a held statement has looked already.
 */
async function checkKinUnchanged({ session, settings, statement, held, asked = [] }: OpenStatement): Promise<void> {
  if (held !== undefined || settings.protect.length === 0 || statement.form !== 'query') return
  const questions = asked.filter(({ question }) => question === PROTECTION_QUESTION)
  // What was not asked in a form that can be asked again is not known to hold.
  const isSame = questions.length > 0 && (await givesSameAnswers(session, questions))
  if (!isSame) throw new GateError('ERR_SQL_CHANGED')
}

/** A transaction in which everything has run. */
interface DoneTransaction {
  readonly session: TakenSession
  readonly connectionName: string
  readonly disclosure: Disclosure
}

/** Commits; when the connection is lost meanwhile, the outcome is looked up at the server. */
export async function commit(
  { session, connectionName, disclosure }: DoneTransaction,
  ref: { txid: string; system: string },
  pools: ConnectionPools,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { command } = await session.run({
      text: 'COMMIT',
      params: [],
      types: [],
      maxRows: 0,
      maxBytes: WIRE_EXTRA,
    })
    // A transaction that failed before answers COMMIT with ROLLBACK, and no error.
    if (command !== 'COMMIT') throw new GateError('ERR_SQL_FAILED')
  } catch (error) {
    if (error instanceof GateError) throw error
    // A deferred constraint stops a COMMIT with an error and the session stays; otherwise nobody knows yet.
    if (session.isOpen() && typeof (error as { code?: unknown }).code === 'string') {
      throw scrubError(error, disclosure, signal)
    }
    const outcome = await waitForOutcome(pools, connectionName, ref)
    if (outcome === 'committed') return
    if (outcome === 'aborted') throw new GateError('ERR_TARGET_UNAVAILABLE', { cause: error })
    const detail = 'The connection was lost during COMMIT, and its outcome could not be looked up.'
    throw new GateError('ERR_OUTCOME_UNKNOWN', { detail, cause: error })
  }
}

const OUTCOME_ATTEMPTS = 5

async function waitForOutcome(pools: ConnectionPools, connectionName: string, ref: Json): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await lookUpOutcome(pools, connectionName, ref).catch(() => 'unknown')
    if (outcome === 'committed' || outcome === 'aborted' || attempt === OUTCOME_ATTEMPTS) return outcome
    await new Promise((resolve) => setTimeout(resolve, 200 * attempt))
  }
}

/** Whether the server's message may be shown: only when nothing protected and no code of anybody's took part. */
export function disclosureOf({ judgement }: Pick<OpenStatement, 'judgement'>): Disclosure {
  const { analysis, operations } = judgement
  if (operations.some(({ operation }) => /^(?:function|trigger|rule|code|foreign):/.test(operation))) return 'nothing'
  if (analysis === undefined) return 'names'
  return analysis.touchesProtected ? 'nothing' : 'message'
}

/**
 * Protected columns that show in a plan: it repeats the values that the statement compares with them or writes into
 * them, and unless costs are off its widths are the average lengths of the columns that are read.
 */
function protectedInPlan(
  { analysis, operations }: Judgement,
  { estimated }: OpenStatement['statement'],
): readonly string[] {
  if (analysis === undefined) return []
  const writes = operations.some(({ operation }) => ['INSERT', 'UPDATE', 'MERGE'].includes(operation))
  if (writes && analysis.touchesProtected) return ['a protected column']
  const read = estimated === true ? operations.flatMap(({ facts }) => listed(facts.columns)) : []
  return [...new Set([...analysis.protectedInPredicates, ...read])]
}

function listed(fact: Fact | undefined): readonly string[] {
  return Array.isArray(fact) ? fact : []
}

function toOutput(open: OpenStatement, result: PortalResult, rowsChanged: number | undefined): ToolOutput {
  const { statement, judgement, settings } = open
  const { maxRows, maxBytes } = settings.limits
  const outputs = statement.form === 'query' ? (judgement.analysis?.outputs ?? []) : undefined
  if (outputs !== undefined && outputs.length !== result.fields.length) {
    throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: 'The result has other columns than the analysis.' })
  }
  const inPlan = statement.form === 'explain' ? protectedInPlan(judgement, statement) : []
  const columns: ToolColumn[] = result.fields.map(({ name, typeId }, index) => ({
    name,
    type: typeName(typeId),
    protectedBy: outputs?.[index]?.protectedBy ?? inPlan,
  }))
  const rows = result.rows
    .slice(0, maxRows)
    .map((row) => row.map((value, index) => convertValue(value, result.fields[index]?.typeId ?? 0)))
  return {
    table: columns.length === 0 ? undefined : { columns, rows },
    command: result.command ?? judgement.operations[0]?.operation ?? 'SELECT',
    rowsChanged: statement.effect === 'write' ? rowsChanged : undefined,
    truncated: result.rows.length > maxRows,
    caps: { maxRows, maxBytes },
    masked: [],
  }
}
