import { type CommandLine, exampleOf, jsonOption } from './commandLine.ts'

interface PolicyTestRequest {
  readonly folder: string
  readonly json: boolean
}

/** `countersign policy test`. */
export function definePolicyTest(
  { program, finish }: CommandLine,
  policyTest: (request: PolicyTestRequest) => Promise<number>,
): void {
  program
    .command('policy')
    .description('policies')
    .command('test')
    .description('run *.test.yaml: a caller and a call, and the decision that is expected')
    .argument('[folder]', 'where the tests are', '.')
    .addOption(jsonOption())
    .addHelpText('after', exampleOf('policy test examples'))
    .action((folder: string, { json }: { json: boolean }) => finish(policyTest({ folder, json })))
}
