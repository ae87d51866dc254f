import { InvalidArgumentError } from 'commander'
import { type CommandLine, exampleOf } from './commandLine.ts'

interface DemoOptions {
  readonly once: boolean
  readonly port: number
  readonly dir: string
}

/** `countersign demo`. */
export function defineDemo({ program, finish }: CommandLine, demo: (options: DemoOptions) => Promise<number>): void {
  program
    .command('demo')
    .description('the whole gate on embedded parts: PostgreSQL, an identity provider, an agent session')
    .option('--once', 'stop after the session', false)
    .option('--port <number>', 'where the gateway listens', readPort, 8787)
    .option('--dir <folder>', 'where configuration, state and trail are kept', 'var')
    .addHelpText('after', exampleOf('demo --once'))
    .action((options: DemoOptions) => finish(demo(options)))
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a number from 1 to 65535.')
}
