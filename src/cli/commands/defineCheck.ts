import { type CommandLine, configOption, exampleOf, jsonOption } from './commandLine.ts'

interface CheckRequest {
  readonly configPath: string
  readonly json: boolean
}

/** `countersign check`. */
export function defineCheck({ program, finish }: CommandLine, check: (request: CheckRequest) => Promise<number>): void {
  program
    .command('check')
    .description('validate configuration and policies, connect to every target, test privileges')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', exampleOf('check --config countersign.yaml'))
    .action(({ config, json }: { config: string; json: boolean }) => finish(check({ configPath: config, json })))
}
