import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Approval } from './approval.ts'

/** One argument that a reviewer may change, as a form offers it. */
export interface EditableField {
  readonly name: string
  /** `json`: lists, numbers, objects, written as JSON. */
  readonly kind: 'text' | 'json'
  /** What stands there now. Null: it hides something, or is not shown as it is, so it can only be written anew. */
  readonly text: string | null
  readonly language?: string
}

/** What a request is made to be, and not what it does: these stay as the agent sent them. */
const FIXED: ReadonlySet<string> = new Set(['connection', 'reason', 'idempotency_key'])

/**
 * The arguments that are shown to reviewers and can be changed, in the order in which they are shown. Their text is what
 * masking made, never the stored argument: that may hold what the reviewer must not see.
 */
export function editableFields({ state, args, shown }: Approval): readonly EditableField[] {
  if (state !== 'pending' || !isRecord(args)) return []
  return shown.fields.flatMap(({ name, text, masked, language }): EditableField[] => {
    if (FIXED.has(name) || !Object.hasOwn(args, name)) return []
    const stored = args[name]
    const kind = typeof stored === 'string' ? 'text' : 'json'
    const isAsStored = kind === 'text' ? text === stored : isDeepStrictEqual(parseJson(text), stored)
    const coloured = language === undefined ? {} : { language }
    return [{ name, kind, text: masked || !isAsStored ? null : text, ...coloured }]
  })
}

/** Forms hand in text: this is what it stands for. Throws ERR_MODIFY_FIELD, ERR_MODIFY_FORM. */
function valueOfText(approval: Approval, name: string, text: string): Json {
  const field = editableFields(approval).find((one) => one.name === name)
  if (field === undefined) throw new GateError('ERR_MODIFY_FIELD', { detail: `${JSON.stringify(name.slice(0, 64))}.` })
  if (field.kind === 'text') return plainLines(text)
  const value = parseJson(text)
  if (value === undefined) throw new GateError('ERR_MODIFY_FORM', { detail: `${JSON.stringify(name)} is not JSON.` })
  return value
}

/**
 * What a form changed: fields that say what they said, and hidden ones that were left empty, stay as they are. Throws
 * what `valueOfText` throws.
 */
export function changesOf(approval: Approval, texts: ReadonlyMap<string, string>): Readonly<Record<string, Json>> {
  const changed = [...texts].flatMap(([name, sent]) => {
    const text = plainLines(sent)
    const field = editableFields(approval).find((one) => one.name === name)
    const isAsBefore = field !== undefined && text === plainLines(field.text ?? '')
    return isAsBefore ? [] : [[name, valueOfText(approval, name, text)] as const]
  })
  return Object.fromEntries(changed)
}

/**
 * The arguments with a reviewer's changes in them. Where something was hidden from reviewers, everything that holds it
 * must be written anew: beside another text a kept value could turn up in what they are shown, or run elsewhere.
 *
 * @throws GateError ERR_MODIFY_FIELD, ERR_MODIFY_HIDDEN, ERR_VOTE_DECIDED
 */
export function changedArguments({ args, shown }: Approval, set: Readonly<Record<string, Json>>): Json {
  if (!isRecord(args)) throw new GateError('ERR_VOTE_DECIDED')
  for (const name of Object.keys(set)) {
    if (FIXED.has(name)) throw new GateError('ERR_MODIFY_FIELD', { detail: `${JSON.stringify(name)} stays as it is.` })
  }
  const hidden = [
    ...shown.fields.filter((field) => field.masked).map(({ name }) => name),
    ...shown.masked.map(({ where }) => where),
  ]
  const kept = hidden.filter((name) => !Object.hasOwn(set, name))
  if (kept.length > 0) {
    throw new GateError('ERR_MODIFY_HIDDEN', {
      detail: `Kept: ${[...new Set(kept)].map((name) => JSON.stringify(name)).join(', ')}.`,
    })
  }
  return { ...args, ...set }
}

/** Browsers send every line of a form with CR LF, whatever stood there. */
function plainLines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n')
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
