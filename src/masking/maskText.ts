import type { MaskedText, MaskNote } from '../call.ts'
import type { Language, RequestField } from '../tools/tool.ts'
import { collectNotes } from './collectNotes.ts'
import type { Masker } from './masker.ts'
import { maskingFailed } from './maskingFailed.ts'
import { replaceSpans, type Span } from './span.ts'

interface MaskedField {
  readonly name: string
  readonly text: MaskedText
  readonly language?: Language
  /** Whether anything in it is hidden: such a request has no one-click approval. */
  readonly masked: boolean
}

export interface MaskedRequest {
  readonly fields: readonly MaskedField[]
  readonly masked: readonly MaskNote[]
}

/**
 * A request as reviewers and the trail may see it. What the tool marked as a protected value is hidden; detectors judge
 * whole literals of the language and nothing else, so that code dressed up as a secret stays in sight. Server-held
 * credentials are hidden wherever they stand. Control characters stay: each surface escapes for its own medium.
 *
 * @throws GateError ERR_MASKING when a span does not lie inside its text: nothing is shown then.
 */
export function maskRequest(fields: readonly RequestField[], masker: Masker): MaskedRequest {
  try {
    const notes = collectNotes()
    const masked = fields.map((field): MaskedField => {
      const spans = [...field.hidden, ...secretLiterals(field, masker), ...masker.findCredentialsIn(field.text)]
      for (const { why } of spans) notes.add(field.name, why)
      return {
        name: field.name,
        text: brand(replaceSpans(field.text, spans)),
        ...(field.language !== undefined && { language: field.language }),
        masked: spans.length > 0,
      }
    })
    return { fields: masked, masked: notes.list() }
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

/** Prose as it may be shown: an agent's reason, a denial, the detail of an error. Detectors judge all of it. */
export function maskFreeText(text: string, masker: Masker): MaskedText {
  try {
    return brand(replaceSpans(text, masker.findIn(text)))
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

function secretLiterals(field: RequestField, masker: Masker): readonly Span[] {
  return field.literals.flatMap(({ start, end, name }) => {
    const spans = masker.findIn(field.text.slice(start, end), name)
    return spans.map((span) => ({ ...span, start: span.start + start, end: span.end + start }))
  })
}

function brand(text: string): MaskedText {
  return text as MaskedText
}
