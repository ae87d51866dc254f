import type { ExplainRequest } from '../explain.ts'
import { type CommandLine, configOption, exampleOf, jsonOption } from './commandLine.ts'

interface ExplainOptions {
  readonly as: string
  readonly at?: string
  readonly config: string
  readonly json: boolean
}

/** `countersign explain`. */
export function defineExplain(
  { program, finish }: CommandLine,
  explain: (request: ExplainRequest) => Promise<number>,
): void {
  program
    .command('explain')
    .description('the decision for a call, without running it')
    .argument('<tool>', 'the tool, for example run_sql')
    .argument('[arguments...]', 'key=text, or key:=JSON')
    .requiredOption('--as <file>', 'a JSON or YAML file that describes the caller')
    .option('--at <time>', 'the moment of the decision, such as 2026-11-20T22:00:00+01:00; now by default')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      exampleOf(`explain --as caller.json run_sql connection=prod-maintenance 'sql=DELETE FROM jobs WHERE id = 1'`),
    )
    .action((tool: string, args: string[], { as, at, config, json }: ExplainOptions) =>
      finish(explain({ configPath: config, callerPath: as, tool, args, json, at })),
    )
}
