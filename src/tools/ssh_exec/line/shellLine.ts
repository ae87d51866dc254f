/** What joins two commands of a line. All of them mean the same in every POSIX shell. */
export type Joint = '|' | '&&' | '||' | ';'

/** The redirects that open no file: they merge two streams or throw one away. */
export const HARMLESS_REDIRECTS = ['2>&1', '1>&2', '>/dev/null', '2>/dev/null', '</dev/null'] as const
export type HarmlessRedirect = (typeof HARMLESS_REDIRECTS)[number]

export interface SimpleCommand {
  /** The words as the program gets them. Never empty. */
  readonly argv: readonly string[]
  /** In the order of the line, which matters. */
  readonly redirects: readonly HarmlessRedirect[]
  /** What stands between it and the command before; undefined for the first. */
  readonly joint: Joint | undefined
}

/** A line of plain commands. It has no grouping, so a flat list says all. */
export type PlainLine = readonly SimpleCommand[]

/**
 * A command name that every shell looks up as it stands: no path tricks, no `%1`, no `a=b`. `.` and `..` begin no name
 * here, so `./x` and `. x` are none either.
 */
const COMMAND_NAME = /^(?:[A-Za-z0-9_[][A-Za-z0-9_+.:@\-[]*|(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9_+.:@-]+)+)$/

/** Words that a shell reads as grammar where a command may stand, in any of bash, dash, ksh and zsh. */
const RESERVED = new Set(
  'if then else elif fi do done case esac while until for select function in time coproc repeat foreach end nocorrect'.split(
    ' ',
  ),
)

export function isCommandName(word: string): boolean {
  return COMMAND_NAME.test(word) && !RESERVED.has(word) && !word.startsWith('[[')
}
