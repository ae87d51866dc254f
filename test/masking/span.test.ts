import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeSpans, replaceSpans } from '../../src/masking/span.ts'

// Every character is its own place, so what survives can be told from the text alone.
const TEXT = Array.from({ length: 60 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('')
const span = fc
  .tuple(fc.nat(TEXT.length), fc.nat(TEXT.length))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b), why: `w${a}` }))

test('whatever the spans are, nothing inside one survives, and nothing outside all of them is lost', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 8 }), (spans) => {
      const shown = replaceSpans(TEXT, spans)
      for (const [at, character] of [...TEXT].entries()) {
        expect(shown.includes(character)).toBe(!spans.some(({ start, end }) => start <= at && at < end))
      }
    }),
  )
})

test('merged spans are in order and do not overlap', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 8 }), (spans) => {
      const merged = mergeSpans(spans)
      for (const [i, { start }] of merged.entries()) expect(start).toBeGreaterThanOrEqual(merged[i - 1]?.end ?? 0)
    }),
  )
})

test('an empty span still shows its placeholder', () => {
  expect(replaceSpans('ab', [{ start: 1, end: 1, why: 'x' }])).toBe('a[masked:x]b')
})
