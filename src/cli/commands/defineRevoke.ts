import { userInfo } from 'node:os'
import { type CommandLine, configOption, exampleOf, jsonOption } from './commandLine.ts'

export interface RevokeRequest {
  /** `list`, `undo`, or what is revoked. */
  readonly kind: string
  readonly id: string | undefined
  readonly reason: string | undefined
  readonly configPath: string
  readonly json: boolean
  /** The account that gives the order. */
  readonly by: string
}

interface RevokeOptions {
  readonly reason?: string
  readonly config: string
  readonly json: boolean
}

/** `countersign revoke`. */
export function defineRevoke(
  { program, finish }: CommandLine,
  revoke: (request: RevokeRequest) => Promise<number>,
): void {
  program
    .command('revoke')
    .description('the kill switch: in the store, effective at once for every gateway on it')
    .argument('<caller|app|blueprint|person|list|undo>', 'what to revoke')
    .argument('[id]', 'an object id, an app id, a caller key; for undo the number that `revoke list` shows')
    .option('--reason <text>', 'kept in the trail')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      exampleOf(
        'revoke app 6f1c1b3e-0000-4000-8000-000000000010 --reason "key leaked"',
        'revoke list',
        'revoke undo 3',
      ),
    )
    .action((kind: string, id: string | undefined, { reason, config, json }: RevokeOptions) =>
      finish(revoke({ kind, id, reason, configPath: config, json, by: userInfo().username })),
    )
}
