import type { SetupSqlRequest } from '../setupSql.ts'
import { type CommandLine, configOption, exampleOf } from './commandLine.ts'

/** `countersign setup-sql`. */
export function defineSetupSql(
  { program, finish }: CommandLine,
  setupSql: (request: Omit<SetupSqlRequest, 'password'>) => Promise<number>,
): void {
  program
    .command('setup-sql')
    .description(
      'print the SQL that makes the least-privilege roles of a connection, and views without protected columns',
    )
    .argument('<connection>', 'a connection of type postgres')
    .addOption(configOption())
    .option('--postgres <url>', 'look at the database as this user (password in PGPASSWORD); default: the reading role')
    .addHelpText('after', exampleOf('setup-sql prod-maintenance --config countersign.yaml > setup.sql'))
    .action((connection: string, { config, postgres }: { config: string; postgres?: string }) =>
      finish(setupSql({ configPath: config, connection, postgres })),
    )
}
