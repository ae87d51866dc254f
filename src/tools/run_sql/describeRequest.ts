import type { RequestField } from '../tool.ts'
import type { Judgement } from './judgeStatement.ts'
import type { ParameterValue } from './readParameters.ts'
import type { PostgresConnection } from './settings.ts'
import type { Statement } from './syntax/classify.ts'
import { findLiterals, type Span } from './syntax/findLiterals.ts'
import { hideLiterals } from './syntax/hideLiterals.ts'

/** The statement as people will see it. Literals are marked where it compares or writes a protected column. */
export function describeText(
  sql: string,
  statement: Statement,
  judgement: Judgement | undefined,
  settings: PostgresConnection,
): RequestField {
  const literals = findLiterals(sql, statement.root)
  const columns = protectedInUse(judgement, settings)
  const names = new Set(settings.protect.map((entry) => entry.slice(entry.lastIndexOf('.') + 1)))
  const isRenamed = judgement?.analysis?.renamesProtected ?? true
  const hidden = columns === undefined ? [] : hideLiterals(sql, statement.root, literals, names, isRenamed)
  return {
    name: 'sql',
    text: sql,
    language: 'sql',
    hidden: hidden.map((span) => ({ ...span, why: whyHidden(columns) })),
    literals,
  }
}

/** The parameters, which have no place in the text: one hidden, all hidden. Empty when there are none. */
export function describeParameters(
  params: readonly ParameterValue[],
  judgement: Judgement | undefined,
  settings: PostgresConnection,
): readonly RequestField[] {
  if (params.length === 0) return []
  const { text, spans } = renderParameters(params)
  const columns = protectedInUse(judgement, settings)
  const hidden = columns === undefined ? [] : spans.map((span) => ({ ...span, why: whyHidden(columns) }))
  return [{ name: 'params', text, hidden, literals: spans }]
}

const whyHidden = (columns: string | undefined): string => `may be a value of ${columns ?? ''}`

/** The protected columns whose values may stand in the text; undefined when there are none. */
function protectedInUse(judgement: Judgement | undefined, settings: PostgresConnection): string | undefined {
  if (settings.protect.length === 0) return undefined
  // Nothing was analysed: a definition, or a statement that was refused before it reached the server.
  if (judgement?.analysis === undefined) return 'a protected column'
  const { protectedInPredicates, protectedRead } = judgement.analysis
  const written = judgement.operations.flatMap(({ operation, facts }) =>
    ['INSERT', 'UPDATE', 'MERGE'].includes(operation) && Array.isArray(facts.columns)
      ? (facts.columns as string[])
      : [],
  )
  const columns = [...new Set([...protectedInPredicates, ...protectedRead, ...written])].sort()
  return columns.length === 0 ? undefined : columns.join(', ')
}

/** JSON, one value a line, so that each value's place in the text is known. */
function renderParameters(params: readonly ParameterValue[]): { text: string; spans: Span[] } {
  let text = '['
  const spans = params.map((value, index) => {
    text += index === 0 ? '' : ', '
    const start = text.length
    text += JSON.stringify(value)
    return { start, end: text.length }
  })
  return { text: `${text}]`, spans }
}
