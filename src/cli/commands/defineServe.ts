import { Option } from 'commander'
import { type CommandLine, configOption, exampleOf } from './commandLine.ts'

interface ServeOptions {
  readonly config: string
  readonly replica: string
}

/** `countersign serve`. */
export function defineServe({ program, finish }: CommandLine, serve: (options: ServeOptions) => Promise<number>): void {
  program
    .command('serve')
    .description('run the gateway (SIGHUP reads policies and connections again)')
    .addOption(configOption())
    .addOption(
      new Option('--replica <name>', 'names this instance in the trail and the store')
        .env('COUNTERSIGN_REPLICA')
        .default('gate'),
    )
    .addHelpText('after', exampleOf('serve --config /etc/countersign/countersign.yaml'))
    .action((options: ServeOptions) => finish(serve(options)))
}
