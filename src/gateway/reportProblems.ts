import type { Logger } from 'pino'
import { errorFacts } from './errorFacts.ts'

/** Says in the operational log that something went wrong, with as much of the error as may stand there. */
export type ReportProblem = (what: string) => (error: unknown) => void

export function reportProblems(log: Logger): ReportProblem {
  return (what) => (error) => log.error(errorFacts(error), what)
}
