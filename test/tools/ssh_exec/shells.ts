import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emitLine, quoteWord } from '../../../src/tools/ssh_exec/line/emitLine.ts'
import { parseLine } from '../../../src/tools/ssh_exec/line/parseLine.ts'
import type { PlainLine } from '../../../src/tools/ssh_exec/line/shellLine.ts'

/** Numbers that look random and are the same every time (mulberry32). */
function createRandom(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T }
}

type Random = ReturnType<typeof createRandom>

/** Every character that some shell gives a meaning to, and some that look as if. */
const SHARP = [...'\'"\\$`~*?[]{}()<>|&;!#%^=,:@+-/. \t\n\r\x0b\x0c\x07\x1b\x7f']
const ODD = [
  'é',
  'ß',
  '\u00a0',
  '\u0085',
  '\u009b',
  '\u2028',
  '\u200b',
  '\u202e',
  '\ufeff',
  '💥',
  '\uff04',
  '\uff40',
  'ä',
  '\u0301',
  '\u0081',
  'ƁƂ',
]
const LETTERS = [...'abcxyzHOME0129_']
const PIECES = [
  ...[
    'show',
    ' ',
    ' ',
    ' ',
    ' ',
    "'a b'",
    '"a b"',
    '\\ ',
    "\\'",
    '\\"',
    '\\\\',
    '"\\$"',
    '"\\\\"',
    '"\\a"',
    "''",
    '""',
  ],
  ...[
    ' | show ',
    ' && show ',
    ' || show ',
    ' ; show ',
    ';show ',
    '|show ',
    ' 2>&1',
    ' >/dev/null',
    ' 2>/dev/null',
    ' </dev/null',
  ],
  ...[
    '$HOME',
    ['$', '{HOME}'].join(''),
    '$(echo x)',
    '`echo x`',
    '$((1+1))',
    '"$HOME"',
    '~',
    '~root',
    'a=~',
    '*',
    '?',
    '[a]',
    '{a,b}',
    '{1..3}',
    '{a',
    'b}',
    '{}',
  ],
  ...[
    '#',
    ' #c',
    'a#b',
    '!',
    ' ! ',
    '!!',
    '$',
    '"$"',
    '$"a"',
    "$'a'",
    "$'\\n'",
    '\\\n',
    '\n',
    '\t',
    '%1',
    'a=b',
    '-n',
    '--',
    '=',
    'if',
    'then',
    'time',
    '[[',
    ']]',
  ],
  ...[
    '\\*',
    '"*"',
    "'*'",
    '"~"',
    '\\~',
    '\\$HOME',
    '"a\'b"',
    "'a\"b'",
    '"a\\"b"',
    '2',
    '1',
    '>&2',
    '0',
    '\\',
    '@(a)',
    '+(b)',
    '^',
    '^a^b',
  ],
]

/** A line that begins with the command `show`, written by somebody who means harm, or is careless. */
function generateLine(random: Random): string {
  let line = random.below(20) === 0 ? '' : 'show '
  const length = 1 + random.below(12)
  for (let piece = 0; piece < length; piece++) {
    const kind = random.below(20)
    if (kind < 9) line += random.pick(PIECES)
    else if (kind < 12) line += random.pick(SHARP)
    else if (kind < 13) line += random.pick(ODD)
    else line += random.pick(LETTERS)
  }
  return line
}

/** Words with anything in them: argv is never split or expanded. */
function generateArgv(random: Random): string[] {
  const characters = [
    ...SHARP.filter((char) => !/[^\P{Cc}\n\t]/u.test(char)),
    ...ODD.filter((char) => !/\p{Cc}/u.test(char)),
    ...LETTERS,
  ]
  const words = Array.from({ length: random.below(5) }, () =>
    Array.from({ length: random.below(8) }, () =>
      random.pick(random.below(4) === 0 ? PIECES.filter((p) => !/[^\P{Cc}\n\t]/u.test(p)) : characters),
    ).join(''),
  )
  return ['show', ...words]
}

/** A line that was judged: as it was written, and what was read in it. */
export interface JudgedCase {
  readonly text: string
  readonly line: PlainLine
}

/** Generates until so many were accepted as plain. All command names are `show`. */
export function generateCases(
  wanted: number,
  seed: number,
): { readonly cases: readonly JudgedCase[]; readonly generated: number } {
  const random = createRandom(seed)
  const cases: JudgedCase[] = []
  let generated = 0
  while (cases.length < wanted) {
    generated++
    if (random.below(4) === 0) {
      const argv = generateArgv(random)
      const line: PlainLine = [{ argv, redirects: [], joint: undefined }]
      cases.push({ text: emitLine(line), line })
      continue
    }
    const text = generateLine(random)
    const parsed = parseLine(text)
    if (parsed.plain && parsed.line.every(({ argv }) => argv[0] === 'show')) cases.push({ text, line: parsed.line })
  }
  return { cases, generated }
}

/** What `show` would be called with, given that it always succeeds: nothing after `||` runs. */
function expectedCalls(line: PlainLine): readonly string[] {
  const calls: string[] = []
  let runs = true
  for (const { argv, joint } of line) {
    if (joint === '||') runs = false
    else if (joint !== '|') runs = true
    if (runs) calls.push(JSON.stringify(argv.slice(1)))
  }
  return calls.sort()
}

/**
 * Runs many lines in one shell and tells for each what `show` was called with. It is a function, which gets exactly the
 * words that a program would get, and costs no process.
 */
export function callsInShell(
  shell: readonly string[],
  lines: readonly string[],
  locale = 'C.UTF-8',
): readonly (readonly string[])[] {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-shell-'))
  try {
    const script = join(dir, 'script')
    const output = join(dir, 'output')
    const body = lines.map((line, index) => `mark ${index}\n${line}\n`).join('')
    writeFileSync(
      script,
      `exec 9>>${quoteWord(output)}\nshow() { printf '%s\\0' call "$#" "$@" >&9; }\nmark() { printf '%s\\0' mark "$1" >&9; }\n${body}`,
    )
    const [program = '', ...options] = shell
    execFileSync(program, [...options, script], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, HOME: '/home-of-nobody', LC_ALL: locale },
    })
    return readCalls(readFileSync(output, 'utf8'), lines.length)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function readCalls(text: string, count: number): readonly (readonly string[])[] {
  const fields = text.split('\0')
  const calls: string[][] = Array.from({ length: count }, () => [])
  let line = -1
  for (let at = 0; at < fields.length - 1; ) {
    if (fields[at] === 'mark') {
      line = Number(fields[at + 1])
      at += 2
    } else {
      const words = Number(fields[at + 1])
      calls[line]?.push(JSON.stringify(fields.slice(at + 2, at + 2 + words)))
      at += 2 + words
    }
  }
  return calls.map((list) => list.sort())
}

export interface Difference {
  readonly text: string
  readonly judged: readonly string[]
  readonly ran: readonly string[]
}

/** Lines for which a shell called something else than was judged. */
export function compareCanonical(
  cases: readonly JudgedCase[],
  shell: readonly string[],
  locale?: string,
): readonly Difference[] {
  const calls = callsInShell(
    shell,
    cases.map(({ line }) => emitLine(line)),
    locale,
  )
  return differences(cases, calls)
}

/** The same for the lines as they were written, in bash. */
export function compareOriginals(cases: readonly JudgedCase[]): readonly Difference[] {
  const calls = callsInShell(
    ['bash'],
    cases.map(({ text }) => `eval ${quoteWord(text)}`),
  )
  return differences(cases, calls)
}

function differences(cases: readonly JudgedCase[], calls: readonly (readonly string[])[]): readonly Difference[] {
  return cases.flatMap(({ text, line }, index) => {
    const judged = expectedCalls(line)
    const ran = calls[index] ?? []
    return JSON.stringify(judged) === JSON.stringify(ran) ? [] : [{ text, judged, ran }]
  })
}
