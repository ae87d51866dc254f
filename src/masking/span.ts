import { placeholderFor } from '../placeholder.ts'

/** A part of a text that must not be shown, and why. Offsets are UTF-16 code units; `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
  /** What the placeholder names: a detector (`github-token`) or a protected column (`users.email`). */
  readonly why: string
}

/**
 * The spans in order, with overlapping ones joined: what two spans hide together is hidden whole. The joined span takes
 * the reason of the one that begins first, the longer one of two that begin together.
 */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1)
    if (last === undefined || span.start >= last.end) merged.push(span)
    else if (span.end > last.end) merged[merged.length - 1] = { ...last, end: span.end }
  }
  return merged
}

/**
 * The text with every span replaced by its placeholder.
 *
 * @throws RangeError when a span does not lie inside the text: a wrong offset would hide the wrong part.
 */
export function replaceSpans(text: string, spans: readonly Span[]): string {
  const parts: string[] = []
  let shown = 0
  for (const { start, end, why } of mergeSpans(spans)) {
    if (!(Number.isInteger(start) && Number.isInteger(end) && shown <= start && start <= end && end <= text.length)) {
      throw new RangeError('a span to hide does not lie inside its text')
    }
    parts.push(text.slice(shown, start), placeholderFor(why))
    shown = end
  }
  parts.push(text.slice(shown))
  return parts.join('')
}
