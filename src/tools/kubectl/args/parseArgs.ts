import { FLAGS, type Flag, VERBS } from './flags.ts'
import { hintForFlag, hintForVerb } from './hints.ts'
import { quote, refuse } from './refuse.ts'

/** Arguments by the grammar: a verb, what is no flag in its order, and flags that each appear once. */
export interface ParsedArgs {
  readonly verb: string
  readonly positionals: readonly string[]
  /** By long name; a switch is `true`. */
  readonly flags: ReadonlyMap<string, string | true>
  /** What stands behind `--`, word by word; undefined without one. */
  readonly command: readonly string[] | undefined
}

/** Larger than any argument that a person would read. */
const MAX_ARGUMENT = 65_536

/**
 * Reads `args` by a strict grammar of our own: the verb first, then words and allow-listed flags as `--flag value`,
 * `--flag=value` or `-f value`. Abbreviated, attached (`-nprod`), combined, repeated and unknown flags are refused: they are
 * where two readers of one command line differ.
 */
export function parseArgs(args: readonly string[]): ParsedArgs {
  for (const arg of args) checkText(arg)
  const [verb = '', ...rest] = args
  if (!VERBS.includes(verb)) {
    if (verb.startsWith('-')) refuse('The verb comes first, and flags after it.')
    refuse(`The verb ${quote(verb)} is not offered. ${hintForVerb(verb) ?? `Verbs: ${VERBS.join(', ')}.`}`)
  }
  const end = rest.indexOf('--')
  const words = end < 0 ? rest : rest.slice(0, end)
  const command = end < 0 ? undefined : rest.slice(end + 1)
  if (command !== undefined && verb !== 'exec') refuse('`--` belongs to exec alone.')

  const positionals: string[] = []
  const flags = new Map<string, string | true>()
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (!word.startsWith('-')) {
      positionals.push(word)
      continue
    }
    const { flag, attached } = findFlag(word, verb)
    if (flags.has(flag.long)) refuse(`--${flag.long} appears twice.`)
    if (flag.value === 'none') {
      if (attached !== undefined) refuse(`--${flag.long} takes no value.`)
      flags.set(flag.long, true)
      continue
    }
    const value = attached ?? words[++at]
    if (value === undefined) refuse(`--${flag.long} needs a value: ${flag.form}.`)
    // `-n -l app=web` is a forgotten value, unless the value itself is allowed to look like that.
    if (attached === undefined && value.startsWith('-') && !(value === '-' && flag.value('-'))) {
      refuse(`--${flag.long} needs a value: ${flag.form}. Write --${flag.long}=... if it begins with a dash.`)
    }
    if (!flag.value(value)) {
      const hint = flag.long === 'output' ? outputHint(value) : flag.long === 'filename' ? hintForFlag('filename') : ''
      refuse(`--${flag.long} cannot be ${quote(value)}: ${flag.form}. ${hint}`.trim())
    }
    flags.set(flag.long, value)
  }
  return { verb, positionals, flags, command }
}

function findFlag(word: string, verb: string): { readonly flag: Flag; readonly attached: string | undefined } {
  const flags = FLAGS[verb] ?? []
  if (word.startsWith('--')) {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
    const flag = flags.find(({ long }) => long === name)
    if (flag === undefined) return refuseFlag(`--${name}`, name, verb)
    return { flag, attached: equals < 0 ? undefined : word.slice(equals + 1) }
  }
  const flag = flags.find(({ short }) => short !== undefined && word === `-${short}`)
  if (flag !== undefined) return { flag, attached: undefined }
  const letter = flags.find(({ short }) => short !== undefined && word.startsWith(`-${short}`))
  if (letter !== undefined) refuse(`Write ${quote(word)} as two words: "-${letter.short}" and its value.`)
  return refuseFlag(word, word.slice(1), verb)
}

function refuseFlag(written: string, name: string, verb: string): never {
  const known = (FLAGS[verb] ?? []).map(({ long, short }) =>
    short === undefined ? `--${long}` : `-${short}/--${long}`,
  )
  refuse(`The flag ${quote(written)} is not offered for ${verb}. ${hintForFlag(name) ?? `Flags: ${known.join(', ')}.`}`)
}

function outputHint(value: string): string {
  if (!/^(?:jsonpath|go-template|custom-columns|template)/.test(value)) return ''
  return 'Templates run over what is not masked yet; take json and pick from it.'
}

/** Control characters mean nothing in any of this but a line end or a tab, inside a patch or a word of a command. */
function checkText(arg: string): void {
  if (arg.length > MAX_ARGUMENT) refuse('An argument is longer than 64 KiB.')
  if (!arg.isWellFormed() || /[\p{Cc}\p{Cf}\u2028\u2029]/u.test(arg.replace(/[\n\t]/g, ''))) {
    refuse('An argument holds control or invisible characters.')
  }
}
