import { createAnchorSearch } from './detectors/anchorSearch.ts'
import type { Detector } from './detectors/detector.ts'
import { DETECTORS } from './detectors/detectors.ts'
import { encodedRuns } from './encodedRuns.ts'
import { joinedCopyOf } from './joinedCopy.ts'
import { plainCopyOf } from './plainCopy.ts'
import type { Span } from './span.ts'

/** The shortest text in which a detector can find anything: `pwd=` and four characters. */
const SHORTEST = 8

/** The most common of long cells. It holds nothing, and saying so at once is five times as fast. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const ALWAYS: readonly Detector[] = DETECTORS.filter(({ anchors }) => anchors.length === 0)
const anchoredIn = createAnchorSearch(DETECTORS)

/**
 * What looks like a secret in one decoded value: in the text itself, in the text as a reader takes it (without
 * invisible characters, NFKC), and in what base64 and hex runs decode to, one level deep, also when they are broken into
 * lines. A hit inside an encoded run hides the whole run. Linear in the length of the text.
 */
export function findSecrets(text: string, copy = plainCopyOf(text)): readonly Span[] {
  if (text.length < SHORTEST || (text.length === 36 && UUID.test(text))) return []
  const spans = [...detect(text), ...detectEncoded(text)]
  if (copy !== undefined) {
    for (const span of [...detect(copy.text), ...detectEncoded(copy.text)]) spans.push(copy.inOriginal(span))
  }
  const joined = joinedCopyOf(text)
  if (joined !== undefined) for (const span of detectEncoded(joined.text)) spans.push(joined.inOriginal(span))
  return spans
}

function detect(text: string): readonly Span[] {
  const spans: Span[] = []
  for (const detector of ALWAYS) spans.push(...detector.find(text))
  for (const detector of anchoredIn(text)) spans.push(...detector.find(text))
  return spans
}

function detectEncoded(text: string): readonly Span[] {
  const spans: Span[] = []
  for (const { start, end, decoded } of encodedRuns(text)) {
    for (const inner of decoded) {
      const [hit] = detect(inner)
      if (hit === undefined) continue
      spans.push({ start, end, why: hit.why })
      break
    }
  }
  return spans
}
