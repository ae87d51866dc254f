import { CommanderError } from 'commander'
import { GateError } from '../errors.ts'
import { ConfigError, formatProblem } from '../settings/configError.ts'
import type { Output } from './reviewerApi.ts'

/**
 * Says why a command failed, and answers its exit code. Problems in files one a line; a coded error in two; a bug with
 * its stack, because nobody else is watching.
 */
export function reportFailure(error: unknown, io: Pick<Output, 'err'>): 0 | 2 {
  // Help and the version are thrown too; commander has printed what there was to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof ConfigError) {
    for (const problem of error.problems) io.err(`${formatProblem(problem)}\n`)
  } else if (error instanceof GateError) {
    io.err(`${error.code}: ${error.message}\n${error.next}\n`)
  } else {
    io.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  }
  return 2
}
