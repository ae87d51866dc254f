import { isIP } from 'node:net'
import { posix } from 'node:path'
import { matchesGlob } from '../../../settings/glob.ts'

/** A place in a pattern where a word of one kind may stand. `argument` is what follows the colon: `{path:/var/log/**}`. */
export interface Hole {
  readonly kind: HoleKind
  readonly argument: string | undefined
}

const KINDS = {
  unit: 'a systemd unit, no pattern',
  int: 'a number of at most nine digits',
  name: 'letters, digits, ".", "_" and "-"',
  host: 'a host name or an address',
  path: 'an absolute path without "." and ".."; a glob may follow: {path:/var/log/**}',
  time: 'a time or a span as journalctl reads them: "2026-11-20 09:00", "1 hour ago"',
  text: 'any text that does not begin with "-"',
  one: 'one of the words that follow: {one:status|is-active}',
  lines: 'line numbers for sed -n: 1,40p',
  fields: 'columns of ps -o, the environment not among them: pid,user,cmd',
  columns: 'an awk program that prints columns: {print $1, $3}',
} as const

export type HoleKind = keyof typeof KINDS
export const HOLE_KINDS = Object.keys(KINDS) as readonly HoleKind[]

const HOST = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9])?){0,60}$/

const PS_FIELDS = new Set(
  'pid ppid pgid sid user uid ruser euser group cmd comm args command %cpu %mem pcpu pmem rss rsz vsz vsize sz stat state s time etime etimes cputime start lstart start_time tty tt nice ni pri psr nlwp thcount wchan cgroup unit'.split(
    ' ',
  ),
)

/** Whether a word fits. No hole takes a word that begins with `-`: it could be an option of the program. */
export function fitsHole({ kind, argument }: Hole, word: string): boolean {
  if (word.startsWith('-') || word === '') return false
  switch (kind) {
    case 'unit':
      return /^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}$/.test(word)
    case 'int':
      return /^\d{1,9}$/.test(word)
    case 'name':
      return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(word)
    case 'host':
      return isIP(word) !== 0 || HOST.test(word)
    case 'path':
      return isNormalPath(word) && (argument === undefined || matchesPath(argument, word))
    case 'time':
      return /^[A-Za-z0-9@+][A-Za-z0-9 :.+-]{0,63}$/.test(word)
    case 'text':
      return true
    case 'one':
      return (argument ?? '').split('|').includes(word)
    case 'lines':
      return /^\d{1,9}(?:,(?:\d{1,9}|\$))?p$/.test(word)
    case 'fields':
      return word.split(',').every((field) => PS_FIELDS.has(field.replace(/=$/, '')))
    case 'columns':
      return /^\{ ?print(?: \$\d{1,3}(?:, ?\$\d{1,3})*)? ?\}$/.test(word)
    default:
      return kind satisfies never
  }
}

/** Absolute and in its one normal form, so that a glob judges where it leads. Symbolic links are not looked at. */
function isNormalPath(word: string): boolean {
  if (!word.startsWith('/') || /\p{Cc}/u.test(word)) return false
  const trimmed = word.length > 1 && word.endsWith('/') ? word.slice(0, -1) : word
  return posix.normalize(trimmed) === trimmed && !trimmed.split('/').some((part) => part === '..' || part === '.')
}

/** `*` stands for characters within one part of the path, `**` as a whole part for any number of parts, none included. */
export function matchesPath(glob: string, path: string): boolean {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return matchesParts(glob.split('/'), trimmed.split('/'))
}

/** One row of a table for each part of the glob: `reached[n]` says that the first n parts of the path are accounted for. */
function matchesParts(globs: readonly string[], parts: readonly string[]): boolean {
  let reached = [true, ...parts.map(() => false)]
  for (const glob of globs) {
    const next = parts.map(() => false)
    next.push(false)
    for (let at = 0; at <= parts.length; at++) {
      if (glob === '**') next[at] = reached[at] === true || (at > 0 && next[at - 1] === true)
      else if (at > 0) next[at] = reached[at - 1] === true && matchesGlob(glob, parts[at - 1] ?? '')
    }
    reached = next
  }
  return reached[parts.length] === true
}
