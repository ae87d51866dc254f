import { isLabelKey, isLabelValue } from './names.ts'
import { quote, refuse } from './refuse.ts'

/**
 * A label selector in one canonical spelling: `app=web,tier in (a,b)`, requirements sorted. Parsed whole, so that what
 * a rule compares is what the server gets.
 */
export function readSelector(text: string): string {
  if (text.length > 2_000) refuse('The selector is too long.')
  if (!/^[\x20-\x7e]*$/.test(text)) refuse('A selector is plain ASCII.')
  const requirements = splitOutsideParentheses(text).map((part) => readRequirement(part.trim(), text))
  if (requirements.length === 0) refuse('The selector is empty; leave -l out, or name labels.')
  return [...new Set(requirements)].sort().join(',')
}

function readRequirement(part: string, whole: string): string {
  const wrong = (): never => refuse(`The selector ${quote(whole)} is not understood at ${quote(part)}.`)
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part)
  if (set !== null) {
    const [, key = '', operator = '', list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    if (!isLabelKey(key) || !values.every(isLabelValue)) wrong()
    return `${key} ${operator} (${[...new Set(values)].sort().join(',')})`
  }
  if (part.startsWith('!')) return isLabelKey(part.slice(1)) ? part : wrong()
  const equality = /^([^=!\s]+)\s*(!=|==|=)\s*([^=!\s]*)$/.exec(part)
  if (equality === null) return isLabelKey(part) ? part : wrong()
  const [, key = '', operator, value = ''] = equality
  if (!isLabelKey(key) || !isLabelValue(value)) wrong()
  return operator === '!=' ? `${key}!=${value}` : `${key}=${value}`
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (const [at, character] of [...text].entries()) {
    if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)].filter((part, _, all) => part.trim() !== '' || all.length > 1)
}

/** Fields that say where an object is and how it is, never what is in it: a selector over contents answers guesses. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['metadata.name', 'metadata.namespace', 'status.phase', 'spec.nodeName', 'spec.restartPolicy', 'status.podIP'],
  ...['involvedObject.kind', 'involvedObject.name', 'involvedObject.namespace', 'involvedObject.uid', 'reason', 'type'],
  ...['regarding.kind', 'regarding.name', 'regarding.namespace', 'reportingController', 'spec.unschedulable'],
])

/** A field selector of allow-listed fields, sorted. */
export function readFieldSelector(text: string): string {
  const requirements = text.split(',').map((part) => {
    const [, field = '', operator = '', value = ''] =
      /^([A-Za-z.]+)(!=|==|=)([A-Za-z0-9._:/-]{0,253})$/.exec(part) ?? []
    if (!FIELDS.has(field)) {
      refuse(
        `The field ${quote(part.split(/[!=]/)[0] ?? '')} cannot be selected by; the fields are ${[...FIELDS].join(', ')}.`,
      )
    }
    return `${field}${operator === '!=' ? '!=' : '='}${value}`
  })
  return [...new Set(requirements)].sort().join(',')
}
