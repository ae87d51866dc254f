import { GateError } from '../../errors.ts'
import { parseLine } from './line/parseLine.ts'
import { isCommandName, type PlainLine } from './line/shellLine.ts'

export interface SshArguments {
  readonly argv: readonly string[] | undefined
  readonly command: string | undefined
  readonly stdin: string
}

export type ReadCommand =
  | { readonly plain: true; readonly line: PlainLine }
  | { readonly plain: false; readonly text: string; readonly why: string }

/** UTF-16 code units. Quoting can make a line thirteen times as long, and a host takes 128 KiB. */
const LONGEST_LINE = 8 * 1024
const LONGEST_INPUT = 256 * 1024

/** @throws GateError ERR_COMMAND_TEXT for what is not text, too long, or no command at all */
export function readArguments({ argv, command, stdin }: SshArguments): ReadCommand {
  checkText(stdin, 'stdin', LONGEST_INPUT)
  if (argv !== undefined) return { plain: true, line: [readArgv(argv)] }
  const text = command ?? ''
  checkText(text, 'command', LONGEST_LINE)
  if (text.trim() === '') refuse('command is empty.')
  const parsed = parseLine(text)
  return parsed.plain ? parsed : { plain: false, text, why: parsed.why }
}

function readArgv(argv: readonly string[]): PlainLine[number] {
  for (const word of argv) {
    checkText(word, 'argv', LONGEST_LINE)
    // Quotes hold a line feed and a tab in every shell.
    if (/[^\P{Cc}\n\t]/u.test(word)) refuse('argv has a control character in it.')
  }
  if (argv.reduce((sum, word) => sum + word.length + 3, 0) > LONGEST_LINE) refuse('argv is longer than 8 KiB.')
  if (!isCommandName(argv[0] ?? '')) {
    refuse('argv[0] is the bare name of a command or its absolute path; for a shell line use command.')
  }
  return { argv, redirects: [], joint: undefined }
}

function checkText(text: string, name: string, longest: number): void {
  if (!text.isWellFormed()) refuse(`${name} is not well-formed Unicode.`)
  if (text.includes('\0')) refuse(`${name} has a NUL in it.`)
  if (text.length > longest) refuse(`${name} is longer than ${longest / 1024} KiB.`)
}

function refuse(detail: string): never {
  throw new GateError('ERR_COMMAND_TEXT', { detail })
}
