import { GateError } from '../errors.ts'

/** A position in a file that a person edits. Lines and columns count from 1, columns in UTF-16 code units. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One thing to correct (or, in a list of warnings, to look at). Never contains a value from the file that may be a secret. */
export interface Problem extends Place {
  readonly message: string
}

/** A file that people wrote does not load. Carries every problem that was found, in the order of the files and their lines. */
export class ConfigError extends GateError {
  readonly problems: readonly Problem[]

  constructor(found: readonly Problem[]) {
    const problems = inOrder(found)
    const [first] = problems
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    super('ERR_CONFIG', first === undefined ? {} : { detail: `${formatProblem(first)}${more}` })
    this.problems = problems
  }
}

/** `file:line:column: message`, the form that editors and terminals make clickable. */
export function formatProblem({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}: ${message}`
}

/** Throws a ConfigError when there is anything to correct. */
export function stopOn(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ConfigError(problems)
}

function inOrder(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map(({ file }) => file))]
  return [...problems].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  )
}
