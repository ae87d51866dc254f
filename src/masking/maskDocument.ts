import type { Json } from '../call.ts'
import { placeholderFor } from '../placeholder.ts'
import type { ToolDocument, ToolOutput } from '../tools/tool.ts'
import type { NoteCollection } from './collectNotes.ts'
import { cutToBytes } from './cutToBytes.ts'
import type { Masker } from './masker.ts'
import { maskString, maskValue } from './maskValue.ts'

/**
 * A structured answer with what its tool hides replaced whole, and every secret in the rest of it. One that is larger
 * than the cap comes as the beginning of its text, under its name: half a document would look like a whole one.
 *
 * @throws RangeError when a pointer leads nowhere: the wrong part would be hidden.
 */
export function maskDocument(
  { name, value, hidden, render }: ToolDocument,
  { maxBytes }: ToolOutput['caps'],
  masker: Masker,
  notes: NoteCollection,
): { readonly shown: Readonly<Record<string, Json>>; readonly cut: boolean } {
  const tree = hidden.length === 0 ? value : structuredClone(value)
  const holder: MutableJson = { '': tree as MutableJson }
  // A pointer below another one leads nowhere once that one is hidden.
  const pointers = new Set(hidden.map(({ pointer }) => pointer))
  const outermost = hidden.filter(({ pointer }) => !ancestorsOf(pointer).some((above) => pointers.has(above)))
  const placeOf = namePlaces(masker)
  for (const { pointer, why } of outermost) {
    hide(holder, pointer, why)
    notes.add(`${name}${placeOf(pointer)}`, why)
  }
  const masked = maskValue(holder[''] as Json, name, masker, (why) => notes.add(name, `detector ${why}`))
  const shown = render === undefined ? masked : render(masked)
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown)
  if (Buffer.byteLength(text, 'utf8') <= maxBytes) return { shown: { [name]: shown }, cut: false }
  return { shown: { [name]: cutToBytes(text, maxBytes) }, cut: true }
}

function ancestorsOf(pointer: string): readonly string[] {
  const keys = pointer.split('/')
  return keys.slice(0, -1).map((_, end) => keys.slice(0, end + 1).join('/'))
}

/**
 * How a place is called in a note. Its keys are text of the target, so what is secret in them is hidden there as well;
 * members of a list are one place, because there may be thousands.
 */
function namePlaces(masker: Masker): (pointer: string) => string {
  const known = new Map<string, string>()
  const nameOf = (token: string): string => {
    if (/^\d*$/.test(token)) return token && '*'
    const name = known.get(token) ?? escaped(maskString(unescaped(token), undefined, masker, () => undefined))
    known.set(token, name)
    return name
  }
  return (pointer) => pointer.split('/').map(nameOf).join('/')
}

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

type MutableJson = { [key: string]: MutableJson | Json }

/** RFC 6901, section 4; `""` is the whole document. */
function hide(holder: MutableJson, pointer: string, why: string): void {
  const keys = pointer.split('/').map(unescaped)
  const last = keys.pop()
  let at: unknown = holder
  for (const key of keys) at = memberOf(at, key)
  if (last === undefined || memberOf(at, last) === undefined) {
    throw new RangeError('a pointer to hide leads nowhere in its document')
  }
  const place = at as MutableJson
  place[last] = placeholderFor(why)
}

function memberOf(parent: unknown, key: string): unknown {
  return typeof parent === 'object' && parent !== null && Object.hasOwn(parent, key)
    ? (parent as MutableJson)[key]
    : undefined
}
