import type { Json, Operation } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { Analysis } from './analysis/analysis.ts'
import { analyze } from './analysis/analyze.ts'
import type { AnalysisSession } from './analysis/session.ts'
import { resolveDefinition, toOperation } from './resolveDefinition.ts'
import type { Session } from './session/openSession.ts'
import type { PostgresConnection } from './settings.ts'
import type { Statement, StatementOperation } from './syntax/classify.ts'
import { findInnerText } from './syntax/findInnerText.ts'

/** A statement as its text and its server see it. */
export interface Judgement {
  readonly operations: readonly Operation[]
  /** Missing for definitions over nothing (ALTER, DROP, ...), which the server does not analyse before running them. */
  readonly analysis: Analysis | undefined
  /** Equal when the statement is judged again to be run, unless something it uses was redefined. */
  readonly judged: Json
}

/** What a judgement needs of a session. */
type JudgingSession = Pick<Session, keyof AnalysisSession>

const ANALYSED = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']

/**
 * Judges a statement inside the session's open transaction, whose locks keep what was judged from changing. What comes
 * out depends on the arguments and on what the server answers, and on nothing else: `recordAnswers` rests on that.
 */
export async function judgeStatement(
  session: JudgingSession,
  sql: string,
  statement: Statement,
  parameterCount: number,
  settings: PostgresConnection,
): Promise<Judgement> {
  const analysis = await analyseQuery(session, sql, statement, parameterCount, settings)
  if (analysis !== undefined) checkAgreement(statement.operations, analysis.operations)
  const own = statement.operations.filter(({ operation }) => !ANALYSED.includes(operation))
  if (statement.form === 'query' || statement.form === 'explain') {
    const operations = [...own.map((found) => toOperation(found, {})), ...(analysis?.operations ?? [])]
    return { operations, analysis, judged: analysis?.judged ?? null }
  }
  const definition = await resolveDefinition(
    session,
    { ...statement, operations: own },
    protectedTables(settings.protect),
  )
  return {
    operations: [...definition.operations, ...(analysis?.operations ?? [])],
    analysis,
    judged: { objects: definition.objects, query: analysis?.judged ?? null },
  }
}

async function analyseQuery(
  session: JudgingSession,
  sql: string,
  { form, inner, measured = false }: Statement,
  parameterCount: number,
  settings: PostgresConnection,
): Promise<Analysis | undefined> {
  if (inner === undefined) return undefined
  const text = form === 'query' ? sql : await findInnerText(sql, inner, session.major)
  const destination = form === 'definition' ? 'elsewhere' : 'caller'
  return analyze(session, { sql: text, parameterCount, destination, measured }, settings)
}

/** The text and the server must see the same kinds of change; if they do not, one of the two is misunderstood. */
function checkAgreement(text: readonly StatementOperation[], server: readonly Operation[]): void {
  const seen = new Set(server.map(({ operation }) => operation))
  for (const { operation } of text) {
    if (ANALYSED.includes(operation) && operation !== 'SELECT' && !seen.has(operation)) {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: `The server sees no ${operation} in it.` })
    }
  }
}

/** `public.users` for `users.email`. */
export function protectedTables(protect: readonly string[]): ReadonlySet<string> {
  return new Set(
    protect.map((entry) => {
      const parts = entry.split('.')
      return parts.length === 2 ? `public.${parts[0]}` : `${parts[0]}.${parts[1]}`
    }),
  )
}
