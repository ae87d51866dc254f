import { type Asked, givesSameAnswers, recordAnswers } from './analysis/recordAnswers.ts'
import { isStillHeld, prepareToHold } from './holdStatement.ts'
import type { JudgedCall } from './judgedCall.ts'
import { type Judgement, judgeStatement } from './judgeStatement.ts'
import type { KeptJudgement } from './keptJudgements.ts'
import type { HeldStatement } from './session/heldStatements.ts'
import type { Session } from './session/openSession.ts'

/** A judgement of this transaction, with what it rests on if that can be asked again. */
export interface FreshJudgement {
  readonly judgement: Judgement
  readonly asked: readonly Asked[] | undefined
  /** Set when the session holds the statement as it was analysed then: that is what has to run. */
  readonly held?: HeldStatement
}

/**
 * Begins the session's transaction and judges in it. With a kept judgement of the same statement under the same settings
 * and major version, the server is asked everything that one rests on again, under the locks of this transaction, and
 * answers with digests. That includes what the text means, which it analyses anew; unless the session holds the statement
 * as it was analysed before, and runs that. When anything differs, or anything fails, the transaction is begun again and
 * the statement is judged as if it had never been seen.
 */
export async function judgeInTransaction(
  session: Session,
  call: JudgedCall,
  kept: KeptJudgement | undefined,
  signal: AbortSignal,
): Promise<FreshJudgement> {
  /** False for whatever leads to the next, more thorough way. */
  const attempt = async (way: () => Promise<boolean>): Promise<boolean> => {
    try {
      if (await way()) return true
    } catch (error) {
      if (signal.aborted || !session.isOpen() || isOutOfPatience(error)) throw error
    }
    session.precede('ROLLBACK')
    return false
  }
  if (kept !== undefined) {
    const held = session.held.find(kept)
    if (held !== undefined) {
      session.precede('BEGIN READ ONLY')
      if (await attempt(() => isStillHeld(session, held))) return { ...kept, held }
      session.held.drop(kept)
    }
    session.precede(BEGIN)
    const toHold = await prepareToHold(session, call, kept)
    if (await attempt(() => toHold?.hold() ?? givesSameAnswers(session, kept.asked))) return kept
  }
  session.precede(BEGIN)
  return judgeAndRecord(session, call)
}

const BEGIN = 'BEGIN READ WRITE'

async function judgeAndRecord(session: Session, call: JudgedCall): Promise<FreshJudgement> {
  const { statement } = call
  const recording = recordAnswers(session)
  const judgement = await judgeStatement(recording.session, call.sql, statement, call.params.length, call.settings)
  // Definitions are resolved by questions of another form, and are no load that counts.
  const isQuery = statement.form === 'query' || statement.form === 'explain'
  return { judgement, asked: isQuery ? recording.asked() : undefined }
}

/** Whether the same judgement would be made at this moment of the same transaction. */
export async function isJudgedTheSame(session: Session, call: JudgedCall & FreshJudgement): Promise<boolean> {
  if (call.asked !== undefined && (await givesSameAnswers(session, call.asked))) return true
  // Not every answer is a fact that matters: who may read a table is none, and changes its row in the catalog.
  const again = await judgeStatement(session, call.sql, call.statement, call.params.length, call.settings)
  return JSON.stringify(again.judged) === JSON.stringify(call.judgement.judged)
}

/** The server waited long enough, or is going down: trying again would only wait again. */
function isOutOfPatience(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === '55P03' || (typeof code === 'string' && code.startsWith('57'))
}
