import type { Detector } from './detector.ts'

/** Letters of one case and the other fold together, and three characters fit a table of this size. */
const TABLE_SIZE = 1 << 15
const SHORTEST_ANCHOR = 3

/**
 * Which of the detectors have an anchor in a text: one pass over the text, whatever the number of detectors. Every
 * position is looked at, so anchors that overlap are all seen.
 *
 * @throws TypeError for an anchor of fewer than three characters, or not in lower case.
 */
export function createAnchorSearch(detectors: readonly Detector[]): (text: string) => readonly Detector[] {
  const buckets: { anchor: string; detector: number }[][] = []
  const bucketAt = new Uint16Array(TABLE_SIZE)
  detectors.forEach(({ anchors }, detector) => {
    for (const anchor of anchors) {
      if (anchor.length < SHORTEST_ANCHOR || anchor !== anchor.toLowerCase()) throw new TypeError(`anchor ${anchor}`)
      const hash = hashOf(anchor)
      const bucket = bucketAt[hash]
      if (bucket) buckets[bucket - 1]?.push({ anchor, detector })
      else bucketAt[hash] = buckets.push([{ anchor, detector }])
    }
  })
  return (text) => {
    let present: Set<number> | undefined
    let hash = 0
    for (let at = 0; at < text.length; at++) {
      hash = ((hash << 5) ^ (text.charCodeAt(at) & 31)) & (TABLE_SIZE - 1)
      const bucket = bucketAt[hash]
      if (!bucket) continue
      for (const { anchor, detector } of buckets[bucket - 1] ?? []) {
        if (present?.has(detector) || !standsAt(text, at - SHORTEST_ANCHOR + 1, anchor)) continue
        present ??= new Set()
        present.add(detector)
      }
    }
    return present === undefined ? [] : detectors.filter((_, index) => present.has(index))
  }
}

function hashOf(anchor: string): number {
  let hash = 0
  for (let at = 0; at < SHORTEST_ANCHOR; at++) hash = (hash << 5) ^ (anchor.charCodeAt(at) & 31)
  return hash & (TABLE_SIZE - 1)
}

function standsAt(text: string, start: number, anchor: string): boolean {
  if (start < 0) return false
  for (let i = 0; i < anchor.length; i++) {
    const code = text.charCodeAt(start + i)
    const lower = code >= 65 && code <= 90 ? code + 32 : code
    if (lower !== anchor.charCodeAt(i)) return false
  }
  return true
}
