import type { Span } from '../span.ts'

/** Recognises one kind of secret in a text, in linear time whatever the text is. */
export interface Detector {
  /** Stable kebab-case: the placeholder and the trail show it. */
  readonly name: string
  /**
   * Lower-case ASCII literals of three characters and more, of which at least one is in every text that this detector can match. They are what makes
   * ordinary text cheap: a text without any anchor is never matched against a pattern. Empty: the pattern is as cheap
   * as a look for an anchor, and is always tried.
   */
  readonly anchors: readonly string[]
  find(text: string): readonly Span[]
}

export interface PatternRule {
  readonly name: string
  readonly anchors: readonly string[]
  /**
   * Flags must hold `g`. Every quantifier is bounded (test/masking/detectors.test.ts holds this), and a long one stands
   * behind a literal or a left boundary, so that it is tried once per run of characters and not once per character.
   * When groups named `secret...` exist, the first that took part is what is hidden; otherwise the whole match is.
   */
  readonly pattern: RegExp
  /** Looks at what would be hidden, and at the match around it. False means: this is something ordinary. */
  accept?(secret: string, match: RegExpExecArray): boolean
}

/** A detector made of one bounded pattern and a check of what it matched. */
export function detectByPattern({ name, anchors, pattern, accept }: PatternRule): Detector & { pattern: RegExp } {
  const matcher = new RegExp(pattern.source, pattern.flags.includes('d') ? pattern.flags : `${pattern.flags}d`)
  return {
    name,
    anchors,
    pattern,
    find(text) {
      const spans: Span[] = []
      matcher.lastIndex = 0
      for (let match = matcher.exec(text); match !== null; match = matcher.exec(text)) {
        const [start, end] = secretOf(match)
        if (accept === undefined || accept(text.slice(start, end), match)) spans.push({ start, end, why: name })
        // What was turned down may overlap something real that begins inside it.
        else matcher.lastIndex = match.index + 1
      }
      return spans
    },
  }
}

function secretOf(match: RegExpExecArray): readonly [number, number] {
  for (const [group, range] of Object.entries(match.indices?.groups ?? {})) {
    if (group.startsWith('secret') && range !== undefined) return range
  }
  return [match.index, match.index + match[0].length]
}
