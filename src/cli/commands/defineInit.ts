import type { InitRequest } from '../init.ts'
import { type CommandLine, exampleOf } from './commandLine.ts'

type InitOptions = Omit<InitRequest, 'password'>

/** `countersign init`. */
export function defineInit({ program, finish }: CommandLine, init: (options: InitOptions) => Promise<number>): void {
  program
    .command('init')
    .description('write a first configuration with policies; looks at databases and proposes what to protect')
    .option('--postgres <url...>', 'databases, without passwords: PGPASSWORD has that', [])
    .option('--dir <folder>', 'where to write', '.')
    .option('--tenant-id <id>', 'the Entra tenant')
    .option('--client-id <id>', 'the app registration of the gateway')
    .option('--reviewer-client-id <id>', 'the app registration through which reviewers log in')
    .option('--public-url <url>', 'the address that agents will use')
    .addHelpText('after', exampleOf('init --postgres postgres://postgres@127.0.0.1:5432/shop --dir gate'))
    .action((options: InitOptions) => finish(init(options)))
}
