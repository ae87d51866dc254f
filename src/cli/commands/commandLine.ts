import { Command, Option } from 'commander'
import type { Output } from '../reviewerApi.ts'

/** What a command is defined with. Its work is loaded when it runs: most commands need little of the gateway. */
export interface CommandLine {
  readonly program: Command
  readonly io: Output
  /** Waits for a command, and keeps its exit code: 0 done, 1 the answer is no, 2 wrong use or a broken configuration. */
  finish(running: Promise<number>): Promise<void>
}

/** The program without its commands. A mistake in its use is thrown as a CommanderError. */
export function createProgram(version: string): Command {
  return new Command('countersign')
    .description(
      'Gives AI coding agents infrastructure as MCP tools, and puts a human countersignature on the calls that can hurt.',
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what is allowed)')
}

/** `--config`, for commands that need one. */
export function configOption(): Option {
  return new Option('--config <file>', 'the configuration').default('countersign.yaml')
}

/** `--json`. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON for a program').default(false)
}

/** What `--help` ends with. */
export function exampleOf(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ countersign ${line}`).join('\n')}`
}
