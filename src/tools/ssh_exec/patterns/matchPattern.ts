import { posix } from 'node:path'
import type { CommandPattern, PatternFlag, PatternPart, PatternWord } from './commandPattern.ts'
import { fitsHole, matchesPath } from './holes.ts'

/** Whether a pattern speaks about the whole of a command: every word is accounted for, in order. */
export function coversCommand({ name, parts }: CommandPattern, argv: readonly string[]): boolean {
  if (argv[0] !== name) return false
  const words = argv.slice(1)
  const active = activeFlags(parts)
  const failed = new Set<number>()

  const matchFrom = (part: number, word: number): boolean => {
    const key = part * (words.length + 1) + word
    if (failed.has(key)) return false
    const matches = tryFrom(part, word)
    if (!matches) failed.add(key)
    return matches
  }
  const tryFrom = (at: number, word: number): boolean => {
    const part = parts[at]
    if (part?.kind === 'flags') return matchFrom(at + 1, word)
    const given = words[word]
    if (given === undefined) return part === undefined
    for (const flags of active[at] ?? []) {
      for (const taken of wordsTaken(flags, given, words[word + 1])) if (matchFrom(at, word + taken)) return true
    }
    if (part === undefined || !fitsWord(part, given)) return false
    return matchFrom(at + 1, word + 1) || (part.repeats && matchesRepeat(at, word + 1))
  }
  /** Once more the same word, with flags between them. */
  const matchesRepeat = (at: number, word: number): boolean => word < words.length && matchFrom(at, word)

  return matchFrom(0, 0)
}

type Flags = Extract<PatternPart, { kind: 'flags' }>

/** For each place, the flags that may stand there: all before it, until a `--` ends them. */
function activeFlags(parts: readonly PatternPart[]): readonly (readonly Flags[])[] {
  const places: Flags[][] = [[]]
  for (const part of parts) {
    const before = places.at(-1) ?? []
    if (part.kind === 'flags') places.push([...before, part])
    else places.push(part.text === '--' && part.hole === undefined ? [] : before)
  }
  return places
}

/** How many words an allowed option takes here: none, one, or two when its value stands apart. */
function wordsTaken({ flags, letters }: Flags, word: string, next: string | undefined): readonly number[] {
  if (!word.startsWith('-')) return []
  // `-la` is `-l -a` where both are options without a value.
  if (/^-[A-Za-z0-9]{2,}$/.test(word) && [...word.slice(1)].every((letter) => letters.has(letter))) return [1]
  return [...new Set(flags.flatMap((flag) => takenBy(flag, word, next)))]
}

function takenBy(flag: PatternFlag, word: string, next: string | undefined): readonly number[] {
  if (!fitsWord(flag.word, word)) return []
  if (flag.value === undefined) return [1]
  return next !== undefined && fitsWord(flag.value, next) ? [2] : []
}

function fitsWord({ text, hole }: PatternWord, word: string): boolean {
  if (hole === undefined) return word === text
  return word.startsWith(text) && fitsHole(hole, word.slice(text.length))
}

/**
 * Whether a command is of the kind that a pattern names, for rules that deny or hold back: the same program by whatever
 * path, with every word of the pattern somewhere among its words. Wider than `coversCommand` on purpose, because who
 * writes such a rule does not think of every spelling.
 */
export function touchesCommand({ name, parts }: CommandPattern, argv: readonly string[]): boolean {
  const [given = '', ...words] = argv
  if (posix.basename(given) !== posix.basename(name)) return false
  return parts.every((part) => part.kind === 'flags' || words.some((word) => resembles(part, word)))
}

function resembles({ text, hole }: PatternWord, word: string): boolean {
  if (hole === undefined) return word === text || resemblesFlag(text, word)
  if (!word.startsWith(text)) return false
  const value = word.slice(text.length)
  if (hole.kind === 'one') return fitsHole(hole, value)
  if (hole.kind === 'path' && hole.argument !== undefined) {
    return value.startsWith('/') && matchesPath(hole.argument, posix.normalize(value))
  }
  return true
}

/** `-rf` has `-r` in it, and programs take `--recurs` for `--recursive`. */
function resemblesFlag(flag: string, word: string): boolean {
  if (/^-[A-Za-z0-9]$/.test(flag)) return /^-[^-]/.test(word) && word.includes(flag.slice(1))
  if (!flag.startsWith('--') || !word.startsWith('--') || word.length < 4) return false
  const name = word.split('=', 1)[0] ?? ''
  return flag.startsWith(name)
}
