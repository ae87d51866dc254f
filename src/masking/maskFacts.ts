import type { Json, MaskedOutput } from '../call.ts'
import { collectNotes } from './collectNotes.ts'
import type { Masker } from './masker.ts'
import { maskingFailed } from './maskingFailed.ts'
import { maskValue } from './maskValue.ts'

/**
 * The answer of a tool about the gate itself (what is reachable, how a call would be decided), with every secret in it
 * replaced. It comes from configuration and from the caller's own words, so it has no protected columns.
 *
 * @throws GateError ERR_MASKING when anything goes wrong inside.
 */
export function maskFacts(facts: Json, masker: Masker): MaskedOutput {
  try {
    const notes = collectNotes()
    const result = maskValue(facts, '', masker, (why) => notes.add('result', why))
    return { result, masked: notes.list() } as unknown as MaskedOutput
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

/** Stands in for an output that could not be masked after its call had taken effect: the effect is told, nothing else. */
export function withheldOutput(command: string, rowsChanged: number | undefined): MaskedOutput {
  const result: Json = { withheld: true, command, ...(rowsChanged !== undefined && { rows_changed: rowsChanged }) }
  return { result, masked: [{ where: 'result', why: 'masking failed', count: 1 }] } as unknown as MaskedOutput
}
