import { isCommandName } from '../line/shellLine.ts'
import { fitsHole, type HoleKind } from '../patterns/holes.ts'

/** A command that another one runs: `sudo -u deploy systemctl restart api`. */
export interface Wrapper {
  readonly name: string
  /** As whom the command runs, where that is what the wrapper is for. */
  readonly user: string | undefined
}

export interface UnwrappedCommand {
  /** From the outside in. */
  readonly wrappers: readonly Wrapper[]
  /** What is run in the end, and judged. */
  readonly argv: readonly string[]
  /** What is sent. Differs from what was asked for in one place: `timeout` gets `--foreground`, see below. */
  readonly sent: readonly string[]
  /** Why the words of a wrapper could not be read; `argv` then begins with that wrapper. */
  readonly unclear: string | undefined
}

interface WrapperGrammar {
  readonly flags: readonly string[]
  /** Options with a value: as a word of its own, and after `=` for long ones. */
  readonly valued: Readonly<Record<string, HoleKind>>
  /** Words before the command: the duration of `timeout`. */
  readonly operands: readonly RegExp[]
  readonly switchesUser: boolean
}

const DURATION = /^\d{1,9}(?:\.\d{1,3})?[smhd]?$/

/** Every option that is understood. Anything else, `VAR=value` before the command included, makes the wrapper unclear. */
const WRAPPERS: Readonly<Record<string, WrapperGrammar>> = {
  sudo: {
    flags: ['-n', '--non-interactive', '-H', '--set-home'],
    valued: { '-u': 'name', '--user': 'name' },
    operands: [],
    switchesUser: true,
  },
  doas: { flags: ['-n'], valued: { '-u': 'name' }, operands: [], switchesUser: true },
  nice: { flags: [], valued: { '-n': 'int', '--adjustment': 'int' }, operands: [], switchesUser: false },
  ionice: {
    flags: ['-t', '--ignore'],
    valued: { '-c': 'int', '--class': 'int', '-n': 'int', '--classdata': 'int' },
    operands: [],
    switchesUser: false,
  },
  nohup: { flags: [], valued: {}, operands: [], switchesUser: false },
  timeout: {
    flags: ['-v', '--verbose', '--preserve-status', '--foreground'],
    valued: { '-k': 'text', '--kill-after': 'text', '-s': 'name', '--signal': 'name' },
    operands: [DURATION],
    switchesUser: false,
  },
}

/** Deeper nesting has no use, and a reader loses count. */
const DEEPEST = 4

/** Takes the wrappers off a command. Only bare names are wrappers; `/usr/bin/sudo` is a hazard like any other. */
export function unwrapCommand(argv: readonly string[]): UnwrappedCommand {
  const wrappers: Wrapper[] = []
  const sent: string[] = []
  let rest = argv
  for (;;) {
    const name = rest[0] ?? ''
    const grammar = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name] : undefined
    if (grammar === undefined) return { wrappers, argv: rest, sent: [...sent, ...rest], unclear: undefined }
    const read = readWrapper(rest, grammar)
    if (read === undefined || wrappers.length === DEEPEST) {
      return { wrappers, argv: rest, sent: [...sent, ...rest], unclear: `the options of ${name} are not understood` }
    }
    wrappers.push({ name, user: read.user ?? (grammar.switchesUser ? 'root' : undefined) })
    // A timeout of its own makes a process group of its own, which the time limit of the gate would not reach.
    sent.push(name, ...(name === 'timeout' ? ['--foreground'] : []), ...rest.slice(1, read.length))
    rest = rest.slice(read.length)
  }
}

/** How many words belong to the wrapper itself. */
function readWrapper(
  argv: readonly string[],
  { flags, valued, operands }: WrapperGrammar,
): { readonly length: number; readonly user: string | undefined } | undefined {
  let at = 1
  let user: string | undefined
  for (; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (word === '--' || !word.startsWith('-')) break
    if (flags.includes(word)) continue
    const [option = '', attached] = word.startsWith('--') ? splitOnce(word) : [word, undefined]
    const kind = Object.hasOwn(valued, option) ? valued[option] : undefined
    const value = attached ?? argv[++at]
    if (kind === undefined || value === undefined || !fitsHole({ kind, argument: undefined }, value)) return undefined
    if (option === '-u' || option === '--user') user = value
  }
  if (argv[at] === '--') at++
  for (const operand of operands) if (!operand.test(argv[at++] ?? '')) return undefined
  return isCommandName(argv[at] ?? '') ? { length: at, user } : undefined
}

function splitOnce(word: string): readonly [string, string | undefined] {
  const at = word.indexOf('=')
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}
