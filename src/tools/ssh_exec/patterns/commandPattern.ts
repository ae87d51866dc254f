import * as z from 'zod'
import { isCommandName } from '../line/shellLine.ts'
import { HOLE_KINDS, type Hole, type HoleKind } from './holes.ts'

/**
 * An argv pattern as people write it: `["tail", { flags: ["-n {int}", "-f"] }, "{path:/var/log/**}..."]`. The first word
 * is the command; a word may end in one hole; `...` after it means once or more; `flags` may stand in any number and
 * order from there on.
 */
export type WrittenPattern = readonly (string | { readonly flags: readonly string[] })[]

/** A word of a pattern: text, then at most one hole. */
export interface PatternWord {
  readonly text: string
  readonly hole: Hole | undefined
}

/** `-n {int}` has a value in a word of its own; `-n{int}` is one word. */
export interface PatternFlag {
  readonly word: PatternWord
  readonly value: PatternWord | undefined
}

export type PatternPart =
  | (PatternWord & { readonly kind: 'word'; readonly repeats: boolean })
  | { readonly kind: 'flags'; readonly flags: readonly PatternFlag[]; readonly letters: ReadonlySet<string> }

export interface CommandPattern {
  readonly name: string
  readonly parts: readonly PatternPart[]
}

const HOLE = /^([^{}]*)\{([a-z]+)(?::([^{}]+))?\}$/

/** What is wrong with one word of a pattern, for its author. */
function problemOfWord(written: string): string | undefined {
  const word = withoutRepeat(written)
  if (!/[{}]/.test(word)) return written === '' || /\p{Cc}/u.test(written) ? 'a word of the command' : undefined
  const found = HOLE.exec(word)
  if (found === null) return 'text with at most one hole, at its end: --lines={int}'
  const [, , kind = '', argument] = found
  if (!HOLE_KINDS.includes(kind as HoleKind)) return `no hole is called {${kind}} (allowed: ${HOLE_KINDS.join(', ')})`
  if (kind === 'one' && argument === undefined) return '{one:...} needs its words: {one:status|is-active}'
  if (kind === 'path' && argument !== undefined && !argument.startsWith('/')) return 'a glob of absolute paths'
  if (kind !== 'one' && kind !== 'path' && argument !== undefined) return `{${kind}} takes nothing after a colon`
  return undefined
}

function problemOfFlag(written: string): string | undefined {
  if (!/^-[^ {}]+ [^ {}]*\{[^{}]+\}$|^-[^ ]+$/.test(written)) return 'an option: -l, --all, "-n {int}" or --lines={int}'
  return written.endsWith('...') ? 'an option without "..."' : problemOfWord(written.slice(written.indexOf(' ') + 1))
}

const checked = (problemOf: (text: string) => string | undefined) =>
  z.string().refine((text) => problemOf(text) === undefined, {
    error: ({ input }) => `expected ${problemOf(String(input)) ?? 'a word'}`,
  })

const part = z.union([checked(problemOfWord), z.strictObject({ flags: z.array(checked(problemOfFlag)).min(1) })])

/** Commands that run another one. They are judged by what they run, so a pattern that begins with one could never match. */
const UNWRAPPED = new Set(['sudo', 'doas', 'nice', 'ionice', 'nohup', 'timeout'])

const pattern = z
  .array(part)
  .min(1)
  .refine(([name]) => typeof name === 'string' && isCommandName(name) && !UNWRAPPED.has(name), {
    error: ({ input }) => {
      const first = (input as readonly unknown[])[0]
      return typeof first === 'string' && UNWRAPPED.has(first)
        ? `${first} is judged apart, as wrapper:${first}: write the command that it runs`
        : 'expected the name of a command, or its absolute path, as the first word'
    },
  })

/** One pattern, or several of which one must match. */
export const commandPatterns = z.union([pattern, z.array(pattern).min(1)])

/** Reads a pattern that the schema has accepted. */
export function compilePattern([name, ...rest]: WrittenPattern): CommandPattern {
  return {
    name: String(name),
    parts: rest.map((written): PatternPart => {
      if (typeof written === 'string') {
        return { kind: 'word', ...compileWord(withoutRepeat(written)), repeats: written.endsWith('...') }
      }
      const letters = written.flags.filter((flag) => /^-[A-Za-z0-9]$/.test(flag))
      return {
        kind: 'flags',
        flags: written.flags.map(compileFlag),
        letters: new Set(letters.map((flag) => flag.slice(1))),
      }
    }),
  }
}

function compileFlag(written: string): PatternFlag {
  const [word = '', ...value] = written.split(' ')
  return { word: compileWord(word), value: value.length === 0 ? undefined : compileWord(value.join(' ')) }
}

function compileWord(written: string): PatternWord {
  const found = HOLE.exec(written)
  if (found === null) return { text: written, hole: undefined }
  const [, text = '', kind, argument] = found
  return { text, hole: { kind: kind as HoleKind, argument } }
}

const withoutRepeat = (written: string) => (written.endsWith('}...') ? written.slice(0, -3) : written)

const compiled = new WeakMap<object, readonly CommandPattern[]>()

/** The patterns of a rule, compiled once for as long as the rule lives. */
export function patternsOf(written: WrittenPattern | readonly WrittenPattern[]): readonly CommandPattern[] {
  const known = compiled.get(written)
  if (known !== undefined) return known
  const list = (Array.isArray(written[0]) ? written : [written]) as readonly WrittenPattern[]
  const patterns = list.map(compilePattern)
  compiled.set(written, patterns)
  return patterns
}
