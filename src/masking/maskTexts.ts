import type { Json } from '../call.ts'
import type { ToolOutput, ToolText } from '../tools/tool.ts'
import type { NoteCollection } from './collectNotes.ts'
import { cutToBytes } from './cutToBytes.ts'
import type { Masker } from './masker.ts'
import { maskString } from './maskValue.ts'

/**
 * Texts of a target with every secret in them replaced, and then cut: a secret that the cut would split is looked for
 * while it is whole. The bytes of the cap are for all texts together, in their order.
 */
export function maskTexts(
  texts: readonly ToolText[],
  { maxBytes }: ToolOutput['caps'],
  masker: Masker,
  notes: NoteCollection,
): { readonly shown: Readonly<Record<string, Json>>; readonly cut: boolean } {
  let left = maxBytes
  let cut = false
  const shown = texts.map(({ name, text }): [string, string] => {
    const masked = maskString(text, undefined, masker, (why) => notes.add(name, `detector ${why}`))
    const kept = cutToBytes(masked, left)
    left -= Buffer.byteLength(kept, 'utf8')
    cut ||= kept.length < masked.length
    return [name, kept]
  })
  return { shown: Object.fromEntries(shown), cut }
}
