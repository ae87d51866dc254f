import type { RequestField } from '../tool.ts'
import type { Judgement } from './judgeStatement.ts'
import type { ParameterValue } from './readParameters.ts'
import type { PostgresConnection } from './settings.ts'
import type { Statement } from './syntax/classify.ts'
import { findLiterals, type Span } from './syntax/findLiterals.ts'
import { hideLiterals } from './syntax/hideLiterals.ts'

/**
 * The arguments as people will see them. Literals are marked where the statement compares or writes a protected column;
 * parameters, which have no place in the text, are then hidden one and all.
 */
export function describeRequest(
  sql: string,
  params: readonly ParameterValue[],
  statement: Statement,
  judgement: Judgement | undefined,
  settings: PostgresConnection,
): readonly RequestField[] {
  const literals = findLiterals(sql, statement.root)
  const columns = protectedInUse(judgement, settings)
  const names = new Set(settings.protect.map((entry) => entry.slice(entry.lastIndexOf('.') + 1)))
  const isRenamed = judgement?.analysis?.renamesProtected ?? true
  const hidden = columns === undefined ? [] : hideLiterals(sql, statement.root, literals, names, isRenamed)
  const why = `may be a value of ${columns ?? ''}`
  const fields: RequestField[] = [
    { name: 'sql', text: sql, language: 'sql', hidden: hidden.map((span) => ({ ...span, why })), literals },
  ]
  if (params.length > 0) {
    const { text, spans } = renderParameters(params)
    fields.push({
      name: 'params',
      text,
      hidden: columns === undefined ? [] : spans.map((span) => ({ ...span, why })),
      literals: spans,
    })
  }
  return fields
}

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
