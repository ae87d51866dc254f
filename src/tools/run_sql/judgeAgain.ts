import { type Asked, givesSameAnswers, recordAnswers } from './analysis/recordAnswers.ts'
import { type Judgement, judgeStatement } from './judgeStatement.ts'
import type { KeptJudgement } from './keptJudgements.ts'
import type { Session } from './session/openSession.ts'
import type { PostgresConnection } from './settings.ts'
import type { Statement } from './syntax/classify.ts'

/** What is judged, and with what in mind. */
export interface JudgedCall {
  readonly settings: PostgresConnection
  readonly sql: string
  readonly params: readonly (string | null)[]
  readonly statement: Statement
}

/** A judgement of this transaction, with what it rests on if that can be asked again. */
export interface FreshJudgement {
  readonly judgement: Judgement
  readonly asked: readonly Asked[] | undefined
}

/**
 * Begins the session's transaction and judges in it. With a kept judgement of the same statement under the same settings
 * and major version, the server is asked everything that one rests on again: it analyses the statement anew, under the
 * locks of this transaction, and answers with digests. When any of them differs, or anything fails, the transaction is
 * begun again and the statement is judged as if it had never been seen.
 */
export async function judgeInTransaction(
  session: Session,
  call: JudgedCall,
  kept: KeptJudgement | undefined,
  signal: AbortSignal,
): Promise<FreshJudgement> {
  session.precede(BEGIN)
  if (kept !== undefined) {
    try {
      if (await givesSameAnswers(session, kept.asked)) return kept
    } catch (error) {
      if (signal.aborted || !session.isOpen() || isOutOfPatience(error)) throw error
    }
    session.precede('ROLLBACK')
    session.precede(BEGIN)
  }
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
