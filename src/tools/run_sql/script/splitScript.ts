import { GateError } from '../../../errors.ts'
import { countParameters } from '../readParameters.ts'
import { classify, type Statement } from '../syntax/classify.ts'
import { fingerprint } from '../syntax/findInnerText.ts'
import { type Major, parsePlaces } from '../syntax/parse.ts'
import { holdToScript } from './holdToScript.ts'

/** More than a person reads before they approve. */
const MAX_STATEMENTS = 100

/** One statement of a script. */
export interface ScriptPart {
  /** From 1, as people count. */
  readonly number: number
  /** The exact text that is judged and run, without the semicolon behind it. */
  readonly text: string
  /** Where it begins in the script, in UTF-16 code units. */
  readonly offset: number
  readonly statement: Statement
}

/**
 * Takes a script that passed `checkText` apart, with the server's grammar. Each slice is parsed once more, alone: it must
 * be the very statement that the grammar saw in the whole, because the slices are what is judged and run.
 */
export async function splitScript(script: string, major: Major): Promise<readonly ScriptPart[]> {
  const places = await parsePlaces(script, major)
  if (places.length === 0 || places.length > MAX_STATEMENTS) {
    throw new GateError('ERR_SQL_SCRIPT_SIZE', {
      detail: `This one has ${places.length}.`,
      facts: { statements: places.length },
    })
  }
  const bytes = Buffer.from(script)
  const parts: ScriptPart[] = []
  for (const [index, { root, start, end }] of places.entries()) {
    const number = index + 1
    const text = bytes.subarray(start, end).toString()
    const [alone, ...others] = await parsePlaces(text, major)
    if (alone === undefined || others.length > 0 || fingerprint(alone.root) !== fingerprint(root)) {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: `Statement ${number} could not be told apart.` })
    }
    if (countParameters(alone.root) > 0) {
      throw new GateError('ERR_SQL_PARAMS', { detail: `Statement ${number} has $1, and a script takes no params.` })
    }
    const statement = holdToScript(classify(alone.root))
    parts.push({ number, text, offset: bytes.subarray(0, start).toString().length, statement })
  }
  return parts
}
