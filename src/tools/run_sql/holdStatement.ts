import type { Operation } from '../../call.ts'
import { TYPES_QUESTION } from './analysis/catalogFacts.ts'
import { protectedColumnParameters } from './analysis/protection.ts'
import { PROTECTION_QUESTION, TREE_QUESTION } from './analysis/readStatementTree.ts'
import { type Asked, areSameAnswers } from './analysis/recordAnswers.ts'
import type { BatchStatement } from './analysis/session.ts'
import { kinOf, versionsOf } from './analysis/versionsOf.ts'
import type { JudgedCall } from './judgedCall.ts'
import type { KeptJudgement } from './keptJudgements.ts'
import type { HeldStatement } from './session/heldStatements.ts'
import type { Session } from './session/openSession.ts'
import { parsePlaces } from './syntax/parse.ts'
import { walkTree } from './syntax/walkTree.ts'

/**
 * A read that comes again is held: the session keeps it prepared, and what runs next time is the very tree that was
 * analysed when it was judged, as long as the server has not analysed it again. So the analysis is not repeated, which
 * writes to the catalog and takes a transaction id, although it is rolled back. Whether the objects behind the tree are
 * those that were judged is asked each time, and whether there are others of their names: a text that would mean another
 * object by now is judged anew, as if the session had just begun.
 */
interface Holding {
  /** Prepares and asks in one round trip. False when the judgement does not hold; nothing is held then. */
  hold(): Promise<boolean>
}

/** What is asked when nothing but a SELECT without parameters was judged. */
const QUESTIONS: ReadonlySet<string> = new Set([
  TREE_QUESTION,
  PROTECTION_QUESTION,
  'countersign_facts',
  'countersign_relations',
  TYPES_QUESTION,
])

const MAX_TEXT = 16 * 1024

/** The session is in a new transaction. Undefined for what is not held. */
export async function prepareToHold(
  session: Session,
  call: JudgedCall,
  kept: KeptJudgement,
): Promise<Holding | undefined> {
  const { analysis } = kept.judgement
  if (session.held.isRefused(kept) || analysis === undefined || !canBeHeld(call, kept)) return undefined
  const [place] = await parsePlaces(call.sql, session.major)
  if (place === undefined) return undefined
  const select = Buffer.from(call.sql).subarray(place.start, place.end).toString()
  const behind = [
    versionsOf(analysis.restsOn, protectedColumnParameters(call.settings.protect), namesIn(call.statement)),
    ...kept.asked
      .filter(({ question }) => question === TYPES_QUESTION)
      .map(({ statement }) => `(${withValues(statement)})`),
  ]
  const inMotion = [kinOf(analysis.restsOn)]
  const proposal = session.held.propose(call.sql, witnessOf(select, behind), witnessOf(select, inMotion))
  const { name, text, witness, watch } = proposal
  return {
    async hold() {
      let isHeld = false
      try {
        // The statement is prepared, and what is behind it read, before the analysis that is compared: what changes before
        // that shows in the comparison, and what changes after it makes the witness answer otherwise. None of the
        // prepared statements runs in this transaction, whose start is what the witness tells.
        const [, , , first, ...answers] = await session.batch([
          { ...witness, isOnlyPrepared: true },
          { ...watch, isOnlyPrepared: true },
          { text, name, isOnlyPrepared: true },
          { text: `SELECT ${answerOf(BEGAN, behind)} AS answer, ${answerOf(BEGAN, inMotion)} AS watched` },
          ...kept.asked.map(({ statement }) => statement),
        ])
        const { answer, watched } = first?.rows[0] ?? {}
        if (typeof answer !== 'string' || typeof watched !== 'string') return false
        if (!areSameAnswers(kept.asked, answers)) return false
        session.held.hold(kept, proposal, { answer, watched })
        isHeld = true
        return true
      } finally {
        if (!isHeld) {
          session.held.abandon(proposal)
          session.held.refuse(kept)
        }
      }
    },
  }
}

/**
 * Tells when the server last analysed the statement, and the versions of what is behind it. A literal 'now' is the start of
 * the transaction that analyses it, ever after (documentation, 8.5.1.4). The statement is in the witness, so that it depends
 * on all that the statement depends on: whatever makes the server analyse one of the two again makes it analyse both.
 * There it is never run: nothing passes its WHERE.
 *
 * @param select one SELECT that the server's own parser accepted; on lines of its own, so a trailing comment ends there
 */
function witnessOf(select: string, behind: readonly string[]): string {
  const now = `'now'::pg_catalog.timestamptz`
  return `SELECT ${answerOf(now, behind)} AS answer WHERE NOT EXISTS (SELECT FROM (\n${select}\n) AS held WHERE false)`
}

function answerOf(since: string, behind: readonly string[]): string {
  return `pg_catalog.concat_ws(' ', ${since}, pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat_ws(' ', ${behind.join(', ')}), 'UTF8')))`
}

const BEGAN = 'pg_catalog.transaction_timestamp()'

/** A question of ours with its parameters, which are lists of object ids, in the text. */
function withValues({ text, params = [] }: BatchStatement): string {
  return text.replace(/\$(\d)(?=::oid\[\])/g, (_, number: string) => {
    const ids = params[Number(number) - 1]
    if (!Array.isArray(ids) || !ids.every(Number.isSafeInteger)) throw new TypeError(`$${number} is no list of ids`)
    return `'{${ids.join(',')}}'`
  })
}

/** Whether the server has not analysed the statement again, and has nothing else behind it. */
export async function isStillHeld(session: Session, { witness, answer }: HeldStatement): Promise<boolean> {
  // It takes the locks first, and reads under them.
  const [now] = await session.batch([witness])
  return now?.rows[0]?.answer === answer
}

/**
 * Judgements that somebody was allowed to run. The witness has the server plan the statement, and planning compares its
 * constants with statistics, which are values: how long that takes is nothing for somebody who may not read them.
 */
const haveRun = new WeakSet<object>()

/** The statement has run as it was judged: from now on it can be held. */
export function noteRun({ judgement }: Pick<KeptJudgement, 'judgement'>): void {
  haveRun.add(judgement)
}

function canBeHeld({ statement, sql }: JudgedCall, { judgement, asked }: KeptJudgement): boolean {
  const { form, effect, kind } = statement
  if (form !== 'query' || effect !== 'read' || kind !== 'SelectStmt') return false
  if (sql.length > MAX_TEXT) return false
  if (!haveRun.has(judgement) || !judgement.operations.every(isHarmless)) return false
  if (!asked.every(isAboutObjects)) return false
  // Its name is looked for on the search path, and leaves no trace in the tree.
  if ([...walkTree(statement.root)].some((found) => found.kind === 'CollateClause')) return false
  const settled = judgement.analysis?.settled
  return settled === 'settled' || (settled === 'dated' && !saysToday(statement))
}

/**
 * Nothing of it outlives its transaction, and nothing of it needs a decision before it is planned: the witness has the
 * server plan it, which calls functions to estimate what they give. What is not known to be harmless is an operation of
 * its own (function:...).
 */
function isHarmless({ operation, floor }: Operation): boolean {
  return floor !== 'deny' && (operation === 'SELECT' || operation.startsWith('predicate:'))
}

function isAboutObjects({ question }: Asked): boolean {
  return question === undefined || QUESTIONS.has(question)
}

/** What it calls and converts to. Some names leave no trace in the tree: `name(t)` can be a column, `text(a)` nothing. */
function namesIn({ root }: JudgedCall['statement']): readonly string[] {
  const found = new Set<string>()
  for (const { kind, node, parent, field } of walkTree(root)) {
    if (kind !== 'String' || typeof node.sval !== 'string' || node.sval === 'pg_catalog') continue
    if (parent?.kind === 'FuncCall' && field === 'funcname') found.add(node.sval)
    if (parent?.kind === 'TypeName' && field === 'names') found.add(node.sval)
  }
  return [...found]
}

/** Words in literals of dates and times that mean another day tomorrow. */
const TODAY = ['now', 'today', 'tomorrow', 'yesterday']

function saysToday({ root }: JudgedCall['statement']): boolean {
  for (const { kind, node, parent } of walkTree(root)) {
    const text = kind === 'String' && parent?.kind === 'A_Const' ? node.sval : undefined
    if (typeof text === 'string' && TODAY.some((word) => text.toLowerCase().includes(word))) return true
  }
  return false
}
