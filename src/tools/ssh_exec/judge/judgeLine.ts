import type { Operation } from '../../../call.ts'
import { emitLine, quoteWord } from '../line/emitLine.ts'
import type { PlainLine } from '../line/shellLine.ts'
import { findHazard } from './findHazard.ts'
import { isReadOnly } from './isReadOnly.ts'
import { unwrapCommand } from './unwrapCommand.ts'

export interface JudgedLine {
  readonly effect: 'read' | 'write'
  readonly operations: readonly Operation[]
  /** The bytes for `sh -c` of the target: what was judged, in the canonical spelling or as it was given. */
  readonly sent: string
  /** Whether words of it can be code for a program, so that none may be hidden from a reviewer as a secret. */
  readonly mayHoldCode: boolean
}

/** Wrappers that change neither who runs a command nor what it does. */
const NEUTRAL = new Set(['nice', 'ionice', 'timeout'])

/** Every command of a plain line becomes an operation of its own, and every wrapper a consequence beside it. */
export function judgeLine(line: PlainLine): JudgedLine {
  const operations: Operation[] = []
  let effect: JudgedLine['effect'] = 'read'
  let mayHoldCode = false
  const sent = line.map((simple) => {
    const { wrappers, argv, sent: words, unclear } = unwrapCommand(simple.argv)
    const readOnly = unclear === undefined && isReadOnly(argv)
    const hazard = unclear ?? (readOnly ? undefined : findHazard(argv))
    operations.push({
      operation: 'run',
      otherwise: 'deny',
      facts: { command: argv },
      ...(hazard !== undefined && { floor: 'require-approval', because: hazard }),
    })
    for (const { name, user } of wrappers) {
      operations.push({
        operation: `wrapper:${name}`,
        otherwise: 'require-approval',
        because: user === undefined ? `${argv[0]} runs under ${name}` : `${argv[0]} runs as ${user}`,
        facts: { command: argv, ...(user !== undefined && { user }) },
      })
    }
    if (!readOnly || !wrappers.every(({ name }) => NEUTRAL.has(name))) effect = 'write'
    if (hazard !== undefined) mayHoldCode = true
    return { ...simple, argv: words }
  })
  return { effect, operations, sent: emitLine(sent), mayHoldCode }
}

/** A line that is more than plain commands: one operation that no pattern opens, with the exact bytes it was given as. */
export function judgeComplex(text: string, why: string): JudgedLine {
  return {
    effect: 'write',
    operations: [
      {
        operation: 'complex',
        otherwise: 'deny',
        floor: 'require-approval',
        because: `the line is more than plain commands: ${why}`,
        facts: { complex: true },
      },
    ],
    sent: text,
    mayHoldCode: true,
  }
}

/** A plain line for people: quotes only where a word needs them. Means the same as what is sent. */
export function describeLine(line: PlainLine): {
  readonly text: string
  readonly words: readonly { readonly start: number; readonly end: number }[]
} {
  let text = ''
  const words: { start: number; end: number }[] = []
  for (const { argv, redirects, joint } of line) {
    if (joint !== undefined) text += joint === ';' ? '; ' : ` ${joint} `
    for (const [index, word] of argv.entries()) {
      if (index > 0) text += ' '
      const start = text.length
      text += /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : quoteWord(word)
      if (index > 0) words.push({ start, end: text.length })
    }
    for (const redirect of redirects) text += ` ${redirect}`
  }
  return { text, words }
}
