import type { RequestField } from '../../tool.ts'
import { describeText } from '../describeRequest.ts'
import { protectedTables } from '../judgeStatement.ts'
import type { PostgresConnection } from '../settings.ts'
import type { Span } from '../syntax/findLiterals.ts'
import { walkTree } from '../syntax/walkTree.ts'
import { bareName, namesIn } from './dependence.ts'
import type { JudgedPart } from './judgedPart.ts'
import type { ScriptPart } from './splitScript.ts'

/** The script as people see it: one text, with what must be hidden in each of its statements. */
export function describeScript(
  script: string,
  parts: readonly (ScriptPart & Partial<JudgedPart>)[],
  settings: PostgresConnection,
): RequestField {
  const hidden: { start: number; end: number; why: string }[] = []
  const literals: Span[] = []
  let end = 0
  for (const part of parts) {
    literals.push(...between(script, end, part.offset))
    end = part.offset + part.text.length
    const field = describeText(part.text, part.statement, part.judgement, settings)
    literals.push(...field.literals.map((span) => moved(span, part.offset)))
    if (part.dependsOn !== undefined && namesNothingProtected(part, settings)) continue
    hidden.push(...field.hidden.map((span) => ({ ...moved(span, part.offset), why: span.why })))
  }
  literals.push(...between(script, end, script.length))
  return { name: 'sql', text: script, language: 'sql', hidden, literals }
}

/** Comments between statements: words of the caller's, as comments inside of them are. */
function between(script: string, start: number, end: number): readonly Span[] {
  return /[^\s;]/.test(script.slice(start, end)) ? [{ start, end }] : []
}

function moved({ start, end }: Span, by: number): Span {
  return { start: start + by, end: end + by }
}

/**
 * A later statement is stopped if it turns out to touch a protected column, so its literals are values of other columns;
 * but for one that will be stopped, which names one of them.
 */
function namesNothingProtected({ statement }: ScriptPart, { protect }: PostgresConnection): boolean {
  if (statement.inner === undefined) return false
  const columns = new Set(protect.map(bareName))
  const tables = new Set([...protectedTables(protect)].map(bareName))
  if ([...namesIn(statement.root)].some((name) => tables.has(name))) return false
  for (const { kind, node } of walkTree(statement.root)) {
    if (kind === 'ResTarget' && columns.has(String(node.name))) return false
    if (kind === 'String' && columns.has(String(node.sval))) return false
  }
  return true
}
