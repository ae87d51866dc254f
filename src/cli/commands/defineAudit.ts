import type { ShowArguments, VerifyArguments } from '../audit.ts'
import { type CommandLine, exampleOf, jsonOption } from './commandLine.ts'

interface AuditActions {
  verify(folder: string, options: VerifyArguments): Promise<number>
  show(id: string, options: ShowArguments): Promise<number>
}

/** `countersign audit verify` and `countersign audit show`. */
export function defineAudit({ program, finish }: CommandLine, { verify, show }: AuditActions): void {
  const audit = program.command('audit').description('the trail')
  audit
    .command('verify')
    .description('prove that nothing was changed, removed or reordered; exit code 1 when it was')
    .argument('<folder>', 'the folder of the trail')
    .option('--config <file>', 'take the key and the last known heads from this configuration')
    .option('--head <file>', 'a JSON file with the last known heads')
    .option('--public-key <file>', 'a PEM file with the public keys to trust')
    .option('--archived', 'older files were moved away on purpose', false)
    .addOption(jsonOption())
    .addHelpText('after', exampleOf('audit verify var/audit --config countersign.yaml'))
    .action((folder: string, options: VerifyArguments) => finish(verify(folder, options)))
  audit
    .command('show')
    .description('one call, approval or session as a timeline')
    .argument('<id>', 'call_..., apr_... or ses_...')
    .option('--dir <folder>', 'the folder of the trail', 'var/audit')
    .addOption(jsonOption())
    .addHelpText('after', exampleOf('audit show call_01JD3M8K2QX6W9 --dir var/audit'))
    .action((id: string, options: ShowArguments) => finish(show(id, options)))
}
