import { type Command, type CommandNode, type PipelineNode, parse, type Redirection, type Statement } from 'unbash'
import { readWord } from './readWord.ts'
import { type HarmlessRedirect, isCommandName, type Joint, type PlainLine, type SimpleCommand } from './shellLine.ts'

export type ParsedLine =
  | { readonly plain: true; readonly line: PlainLine }
  /** `why`: the first thing that is more than plain commands, for the agent and for reviewers. */
  | { readonly plain: false; readonly why: string }

/** Stops the reading of a line that is not plain. Never leaves this module. */
class NotPlain extends Error {}

/** A piece of the text that the grammar has accounted for. */
interface Piece {
  readonly pos: number
  readonly end: number
}

/**
 * Reads a line as plain commands joined by `|`, `&&`, `||` and `;`. The parser is tolerant, so nothing rests on its good
 * will: every character of the text must belong to a word, a harmless redirect, a joint or a blank between them.
 */
export function parseLine(text: string): ParsedLine {
  try {
    // The words of a shell end at a blank or a tab; all other control characters are read differently by different shells.
    if (/[^\P{Cc}\t]/u.test(text)) throw new NotPlain('it has a line break or another control character')
    const script = parse(text)
    if ((script.errors ?? []).length > 0) throw new NotPlain('it does not read as one complete shell line')
    if (script.shebang !== undefined) throw new NotPlain('it begins like a script')
    const reader = new LineReader(text)
    for (const [index, statement] of script.commands.entries()) reader.statement(statement, index === 0)
    return { plain: true, line: reader.finish() }
  } catch (error) {
    if (error instanceof NotPlain) return { plain: false, why: error.message }
    // The parser gave up: a line that cannot be read is not plain.
    return { plain: false, why: 'it cannot be read' }
  }
}

/** Collects the commands of a line, and holds that nothing of the text was passed over. */
class LineReader {
  readonly #text: string
  readonly #commands: SimpleCommand[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  statement({ command, background }: Statement, isFirst: boolean): void {
    if (background === true) throw new NotPlain('it starts something in the background')
    const joint = isFirst ? undefined : ';'
    const [parts, operators] = command.type === 'AndOr' ? [command.commands, command.operators] : [[command], []]
    for (const [index, part] of parts.entries()) {
      const operator = index === 0 ? joint : operators[index - 1]
      if (index > 0 && operator === undefined) throw new NotPlain('two commands are joined in an unknown way')
      this.#pipeline(part, operator)
    }
  }

  finish(): PlainLine {
    const rest = this.#text.slice(this.#at)
    // One `;` may end a line.
    if (!/^[ \t]*;?[ \t]*$/.test(rest)) throw new NotPlain('it has something after the last command')
    if (this.#commands.length === 0) throw new NotPlain('it has no command')
    return this.#commands
  }

  #pipeline(node: PipelineNode, joint: Joint | undefined): void {
    const { prefixes, commands, operators } =
      node.type === 'Pipeline' ? node : { prefixes: [], commands: [node], operators: [] }
    if (prefixes.length > 0) throw new NotPlain('it has "!" or "time" before a command')
    for (const [index, part] of commands.entries()) {
      if (index > 0 && operators[index - 1] !== '|') throw new NotPlain('it has a pipe other than "|"')
      this.#command(part, index === 0 ? joint : '|')
    }
  }

  #command(node: CommandNode, joint: Joint | undefined): void {
    if (node.type !== 'Command') throw new NotPlain('it has a compound command, a group or a function')
    const { name, prefix, suffix }: Command = node
    if (prefix.length > 0) throw new NotPlain('it has an assignment or a redirect before a command')
    if (name === undefined) throw new NotPlain('it has a command without a name')
    this.#passOver(name, joint)
    const first = readWord(name)
    if (first === undefined || !isCommandName(first)) throw new NotPlain('the name of a command is not a plain word')
    const argv = [first]
    const redirects: HarmlessRedirect[] = []
    for (const part of suffix) {
      this.#passOver(part, undefined)
      if (part.type === 'Word') {
        const word = readWord(part)
        if (word === undefined) throw new NotPlain('it has an expansion, a pattern or an unusual quote')
        argv.push(word)
      } else if (part.type === 'Assignment') throw new NotPlain('it assigns a variable')
      else redirects.push(readRedirect(part, this.#text))
    }
    this.#commands.push({ argv, redirects, joint })
  }

  /** Goes on to a piece; between it and the last one there may be blanks, and the joint when one is due. */
  #passOver(piece: Piece, joint: Joint | undefined): void {
    const gap = this.#text.slice(this.#at, piece.pos).replace(/^[ \t]+|[ \t]+$/g, '')
    if (piece.pos < this.#at || gap !== (joint ?? '')) throw new NotPlain('it has something between its words')
    // Words that touch without a blank, `a>b`, are two to one shell and one to another.
    if (joint === undefined && this.#at > 0 && piece.pos === this.#at) throw new NotPlain('two words touch')
    this.#at = piece.end
  }
}

function readRedirect(node: Redirection, text: string): HarmlessRedirect {
  const notHarmless = new NotPlain('it redirects to or from something other than /dev/null')
  if (node.type !== 'Redirect' || node.target === undefined) throw notHarmless
  if (node.descriptor !== undefined && node.descriptor.type !== 'FileDescriptor') throw notHarmless
  // As written, blanks apart: nothing is quoted and nothing is added.
  const written = text.slice(node.pos, node.end).replace(/[ \t]+/g, '')
  switch (written) {
    case '2>&1':
    case '2>/dev/null':
    case '>/dev/null':
    case '</dev/null':
    case '1>&2':
      return written
    case '>&2':
      return '1>&2'
    case '1>/dev/null':
      return '>/dev/null'
    case '0</dev/null':
      return '</dev/null'
    default:
      throw notHarmless
  }
}
