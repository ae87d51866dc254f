/** 0 done; 1 the answer is no (refused, already decided, not a reviewer); 2 wrong use, or nobody there. */
export type ExitCode = 0 | 1 | 2

/** Ends a command with a sentence for the person at the terminal. */
export class CommandStop extends Error {
  override readonly name = 'CommandStop'
  readonly exitCode: ExitCode
  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}
