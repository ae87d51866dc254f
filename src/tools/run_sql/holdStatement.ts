import { TREE_QUESTION } from './analysis/readStatementTree.ts'
import { type Asked, areSameAnswers } from './analysis/recordAnswers.ts'
import type { JudgedCall } from './judgedCall.ts'
import type { KeptJudgement } from './keptJudgements.ts'
import type { HeldStatement } from './session/heldStatements.ts'
import type { Session } from './session/openSession.ts'
import { parsePlaces } from './syntax/parse.ts'
import { walkTree } from './syntax/walkTree.ts'

/**
 * A read that comes again is held: the session keeps it prepared, and what runs next time is the very tree that was
 * analysed when it was judged, as long as the server has not analysed it again. So the analysis is not repeated, which
 * writes to the catalog and takes a transaction id, although it is rolled back. What the judgement says about the objects
 * behind the tree is asked again each time, with their namesakes: a text that would mean another object by now is judged
 * anew, as if the session had just begun.
 */
interface Holding {
  /** Prepares and asks in one round trip. False when the judgement does not hold; nothing is held then. */
  hold(): Promise<boolean>
}

/** What is asked when nothing but a SELECT without parameters was judged. */
const QUESTIONS: ReadonlySet<string> = new Set([
  TREE_QUESTION,
  'countersign_protection',
  'countersign_facts',
  'countersign_relations',
  'countersign_types',
])

const MAX_TEXT = 16 * 1024

/** The session is in a new transaction. Undefined for what is not held. */
export async function prepareToHold(
  session: Session,
  call: JudgedCall,
  kept: KeptJudgement,
): Promise<Holding | undefined> {
  if (session.held.isRefused(kept) || !canBeHeld(call, kept)) return undefined
  const [place] = await parsePlaces(call.sql, session.major)
  if (place === undefined) return undefined
  const select = Buffer.from(call.sql).subarray(place.start, place.end).toString()
  const proposal = session.held.propose(call.sql, select)
  const { name, text, witness } = proposal
  return {
    async hold() {
      let isHeld = false
      try {
        // Prepared before the analysis that is compared: whatever happens in between shows in one of the two, and what
        // happens after it makes the witness answer with another transaction's start. Neither runs in this transaction.
        const [, , began, ...answers] = await session.batch([
          { ...witness, isOnlyPrepared: true },
          { text, name, isOnlyPrepared: true },
          { text: BEGAN, name: 'countersign_began' },
          ...kept.asked.map(({ statement }) => statement),
        ])
        const since = began?.rows[0]?.began
        if (typeof since !== 'string' || !areSameAnswers(kept.asked, answers)) return false
        session.held.hold(kept, proposal, since)
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

const BEGAN = 'SELECT pg_catalog.transaction_timestamp()::pg_catalog.text AS began'

/** Whether the server has not analysed the statement again, and the judgement holds for the objects behind it. */
export async function isStillHeld(session: Session, held: HeldStatement, { asked }: KeptJudgement): Promise<boolean> {
  const questions = asked.filter(({ question }) => question !== undefined && question !== TREE_QUESTION)
  // The witness comes first: it takes the locks under which the rest is asked.
  const [since, ...answers] = await session.batch([held.witness, ...questions.map(({ statement }) => statement)])
  return since?.rows[0]?.since === held.since && areSameAnswers(questions, answers)
}

function canBeHeld({ statement, sql }: JudgedCall, { judgement, asked }: KeptJudgement): boolean {
  const { form, effect, kind } = statement
  if (form !== 'query' || effect !== 'read' || kind !== 'SelectStmt') return false
  if (sql.length > MAX_TEXT) return false
  if (!asked.every(isAboutObjects)) return false
  const settled = judgement.analysis?.settled
  return settled === 'settled' || (settled === 'dated' && !saysToday(statement))
}

function isAboutObjects({ question }: Asked): boolean {
  return question === undefined || QUESTIONS.has(question)
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
