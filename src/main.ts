#!/usr/bin/env node
/** The command line. Parts are loaded when a command needs them: most commands need little of the gateway. */
import { homedir, userInfo } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { InitRequest } from './cli/init.ts'
import type { ApprovalsOptions, Output } from './cli/reviewerApi.ts'
import { openTerminal } from './cli/terminal.ts'
import { GateError } from './errors.ts'
import { ConfigError, formatProblem } from './settings/configError.ts'
import { VERSION } from './version.ts'

const io: Output = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
}
const terminal = openTerminal(process.stdout)
// `countersign check | head`: who reads has seen enough. Ends as the signal SIGPIPE would end it, without a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(141)
})

/** 0 done, 1 the answer is no, 2 wrong use or a configuration that does not load. */
let exitCode: number = 0
const finish = async (running: Promise<number>) => {
  exitCode = await running
}

const program = new Command('countersign')
  .description(
    'Gives AI coding agents infrastructure as MCP tools, and puts a human countersignature on the calls that can hurt.',
  )
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError('(add --help for what is allowed)')

const config = () => new Option('--config <file>', 'the configuration').default('countersign.yaml')
const json = () => new Option('--json', 'print JSON for a program').default(false)
const example = (...lines: string[]) => `\nExample:\n${lines.map((line) => `  $ countersign ${line}`).join('\n')}`

program
  .command('serve')
  .description('run the gateway (SIGHUP reads policies and connections again)')
  .addOption(config())
  .addOption(
    new Option('--replica <name>', 'names this instance in the trail and the store')
      .env('COUNTERSIGN_REPLICA')
      .default('gate'),
  )
  .addHelpText('after', example('serve --config /etc/countersign/countersign.yaml'))
  .action((options: { config: string; replica: string }) =>
    finish(
      (async () => {
        const [{ runServe }, { startGateway }, { openLog }] = await Promise.all([
          import('./cli/serve.ts'),
          import('./startGateway.ts'),
          import('./adapters/log.ts'),
        ])
        const log = openLog(process.stderr)
        return runServe(() => startGateway({ configPath: options.config, replica: options.replica, log }), log)
      })(),
    ),
  )

program
  .command('demo')
  .description('the whole gate on embedded parts: PostgreSQL, an identity provider, an agent session')
  .option('--once', 'stop after the session', false)
  .option('--port <number>', 'where the gateway listens', readPort, 8787)
  .option('--dir <folder>', 'where configuration, state and trail are kept', 'var')
  .addHelpText('after', example('demo --once'))
  .action((options: { once: boolean; port: number; dir: string }) =>
    finish(
      Promise.all([import('./demo/runDemo.ts'), import('./startGateway.ts'), import('./adapters/log.ts')]).then(
        ([{ runDemo }, { startGateway }, { openLog }]) =>
          runDemo(options, terminal, (configPath) =>
            startGateway({ configPath, log: openLog(process.stderr, 'error') }),
          ),
      ),
    ),
  )

program
  .command('init')
  .description('write a first configuration with policies; looks at databases and proposes what to protect')
  .option('--postgres <url...>', 'databases, without passwords: PGPASSWORD has that', [])
  .option('--dir <folder>', 'where to write', '.')
  .option('--tenant-id <id>', 'the Entra tenant')
  .option('--client-id <id>', 'the app registration of the gateway')
  .option('--reviewer-client-id <id>', 'the app registration through which reviewers log in')
  .option('--public-url <url>', 'the address that agents will use')
  .addHelpText('after', example('init --postgres postgres://postgres@127.0.0.1:5432/shop --dir gate'))
  .action((options: Omit<InitRequest, 'password'>) =>
    finish(import('./offline.ts').then(({ init }) => init(options, terminal))),
  )

program
  .command('setup-sql')
  .description(
    'print the SQL that makes the least-privilege roles of a connection, and views without protected columns',
  )
  .argument('<connection>', 'a connection of type postgres')
  .addOption(config())
  .option('--postgres <url>', 'look at the database as this user (password in PGPASSWORD); default: the reading role')
  .addHelpText('after', example('setup-sql prod-maintenance --config countersign.yaml > setup.sql'))
  .action((connection: string, options: { config: string; postgres?: string }) =>
    finish(
      import('./offline.ts').then(({ setupSql }) =>
        setupSql({ configPath: options.config, connection, postgres: options.postgres }, terminal),
      ),
    ),
  )

program
  .command('check')
  .description('validate configuration and policies, connect to every target, test privileges')
  .addOption(config())
  .addOption(json())
  .addHelpText('after', example('check --config countersign.yaml'))
  .action((options: { config: string; json: boolean }) =>
    finish(
      import('./offline.ts').then(({ check }) => check({ configPath: options.config, json: options.json }, terminal)),
    ),
  )

program
  .command('explain')
  .description('the decision for a call, without running it')
  .argument('<tool>', 'the tool, for example run_sql')
  .argument('[arguments...]', 'key=text, or key:=JSON')
  .requiredOption('--as <file>', 'a JSON or YAML file that describes the caller')
  .option('--at <time>', 'the moment of the decision, such as 2026-11-20T22:00:00+01:00; now by default')
  .addOption(config())
  .addOption(json())
  .addHelpText(
    'after',
    example(`explain --as caller.json run_sql connection=prod-maintenance 'sql=DELETE FROM jobs WHERE id = 1'`),
  )
  .action((tool: string, args: string[], options: { as: string; at?: string; config: string; json: boolean }) =>
    finish(
      import('./offline.ts').then(({ explain }) =>
        explain(
          { configPath: options.config, callerPath: options.as, tool, args, json: options.json, at: options.at },
          terminal,
        ),
      ),
    ),
  )

program
  .command('policy')
  .description('policies')
  .command('test')
  .description('run *.test.yaml: a caller and a call, and the decision that is expected')
  .argument('[folder]', 'where the tests are', '.')
  .addOption(json())
  .addHelpText('after', example('policy test examples'))
  .action((folder: string, options: { json: boolean }) =>
    finish(import('./offline.ts').then(({ policyTest }) => policyTest({ folder, json: options.json }, terminal))),
  )

const audit = program.command('audit').description('the trail')
audit
  .command('verify')
  .description('prove that nothing was changed, removed or reordered; exit code 1 when it was')
  .argument('<folder>', 'the folder of the trail')
  .option('--config <file>', 'take the key and the last known heads from this configuration')
  .option('--head <file>', 'a JSON file with the last known heads')
  .option('--public-key <file>', 'a PEM file with the public keys to trust')
  .option('--archived', 'older files were moved away on purpose', false)
  .addOption(json())
  .addHelpText('after', example('audit verify var/audit --config countersign.yaml'))
  .action(
    (
      folder: string,
      options: { config?: string; head?: string; publicKey?: string; archived: boolean; json: boolean },
    ) => finish(import('./offline.ts').then(({ auditVerify }) => auditVerify(folder, options))),
  )
audit
  .command('show')
  .description('one call, approval or session as a timeline')
  .argument('<id>', 'call_..., apr_... or ses_...')
  .option('--dir <folder>', 'the folder of the trail', 'var/audit')
  .addOption(json())
  .addHelpText('after', example('audit show call_01JD3M8K2QX6W9 --dir var/audit'))
  .action((id: string, options: { dir: string; json: boolean }) =>
    finish(import('./cli/audit.ts').then(({ runAuditShow }) => runAuditShow(id, options, process.stdout))),
  )

const approvals = program.command('approvals').description('what waits for people; asks the running gateway')
const reviewer = (command: Command) =>
  command
    .option('--url <url>', 'the gateway; default: server.publicUrl of --config')
    .addOption(config())
    .addOption(new Option('--token <token>', 'a token of the reviewer app').env('COUNTERSIGN_TOKEN'))
    .addOption(json())
interface ReviewerOptions {
  url?: string
  config: string
  token?: string
  json: boolean
}
async function asReviewer({ url, config, token, json }: ReviewerOptions): Promise<ApprovalsOptions> {
  const { loadConfig } = await import('./config/loadConfig.ts')
  const loginFile = await loginFileOfUser()
  return { url: url ?? (await loadConfig(config)).server.publicUrl, token, json, loginFile }
}
async function loginFileOfUser(): Promise<string> {
  const { loginFilePath } = await import('./cli/loginFile.ts')
  return loginFilePath(process.env, homedir())
}
interface LoginFlags {
  url?: string
  config: string
  issuer?: string
  clientId?: string
  scope: string[]
}
async function loginOf({ url, config, issuer, clientId, scope }: LoginFlags) {
  const [{ loginProviderOf, namedProvider }, { loadConfig }, loginFile] = await Promise.all([
    import('./cli/deviceLogin.ts'),
    import('./config/loadConfig.ts'),
    loginFileOfUser(),
  ])
  const isNamed = issuer !== undefined || clientId !== undefined
  if (isNamed && url !== undefined) return { url, loginFile, provider: () => namedProvider(issuer, clientId, scope) }
  const loaded = await loadConfig(config)
  const provider = () => (isNamed ? namedProvider(issuer, clientId, scope) : loginProviderOf(loaded))
  return { url: url ?? loaded.server.publicUrl, loginFile, provider }
}
approvals
  .command('login')
  .description('log in as a reviewer, in a browser on any device; the token is kept for the other commands')
  .option('--url <url>', 'the gateway; default: server.publicUrl of --config')
  .addOption(config())
  .option('--issuer <url>', 'instead of --config: the identity provider')
  .option('--client-id <id>', 'instead of --config: the reviewer app')
  .option('--scope <scopes...>', 'instead of --config: what the token must carry', ['approvals.review'])
  .addHelpText(
    'after',
    example(
      'approvals login --config countersign.yaml',
      'approvals login --url https://gate.corp.example/mcp --issuer https://id.corp.example --client-id reviewers',
    ),
  )
  .action((options: LoginFlags) =>
    finish(
      (async () => {
        const { logIn } = await import('./cli/approvals.ts')
        const interrupted = new AbortController()
        process.once('SIGINT', () => interrupted.abort())
        return logIn(await loginOf(options), io, interrupted.signal)
      })(),
    ),
  )
approvals
  .command('logout')
  .description('forget the token that login has kept')
  .option('--url <url>', 'the gateway; default: server.publicUrl of --config')
  .addOption(config())
  .addHelpText('after', example('approvals logout --url https://gate.corp.example/mcp'))
  .action((options: { url?: string; config: string }) =>
    finish(
      (async () => {
        const { logOut } = await import('./cli/approvals.ts')
        const { url } = await asReviewer({ ...options, json: false })
        return logOut({ url, loginFile: await loginFileOfUser() }, io)
      })(),
    ),
  )
reviewer(approvals.command('list').description('what waits for a decision'))
  .option('--all', 'decided ones too', false)
  .option('--watch', 'print requests as they come, until interrupted', false)
  .addHelpText('after', example('approvals list --url https://gate.corp.example/mcp --watch'))
  .action((options: ReviewerOptions & { all: boolean; watch: boolean }) =>
    finish(
      (async () => {
        const { listApprovals, watchApprovals } = await import('./cli/approvals.ts')
        const reviewer = await asReviewer(options)
        if (!options.watch) return listApprovals({ ...reviewer, all: options.all }, io)
        const interrupted = new AbortController()
        process.once('SIGINT', () => interrupted.abort())
        return watchApprovals(reviewer, io, interrupted.signal)
      })(),
    ),
  )
reviewer(approvals.command('stats').description('which rules ask most, and what people answer'))
  .option('--since <time>', '24h, 7d or 30d', '7d')
  .option('--by <order>', 'asked, approved, denied, expired or time', 'asked')
  .addHelpText('after', example('approvals stats --since 30d --by denied'))
  .action((options: ReviewerOptions & { since: string; by: string }) =>
    finish(
      (async () => {
        const { showStatistics } = await import('./cli/showStatistics.ts')
        return showStatistics({ ...(await asReviewer(options)), since: options.since, by: options.by }, io)
      })(),
    ),
  )
reviewer(approvals.command('show').description('one request in full').argument('<id>', 'apr_...'))
  .addHelpText('after', example('approvals show apr_01JD3M8K2QX6W9'))
  .action((id: string, options: ReviewerOptions) =>
    finish(
      (async () => {
        const { showApproval } = await import('./cli/approvals.ts')
        return showApproval(id, await asReviewer(options), io)
      })(),
    ),
  )
for (const verb of ['approve', 'deny'] as const) {
  const command = reviewer(approvals.command(verb).description(`${verb} one request`).argument('<id>', 'apr_...'))
    .option('--digest <digest>', 'the digest that was shown, where the request hides something')
    .addHelpText('after', example(`approvals ${verb} apr_01JD3M8K2QX6W9 --reason "the migration replaces it"`))
  if (verb === 'deny') command.requiredOption('--reason <text>', 'what would have to differ; the agent is told')
  else command.option('--reason <text>', 'kept in the trail')
  command.action((id: string, options: ReviewerOptions & { reason?: string; digest?: string }) =>
    finish(
      (async () => {
        const { approveApproval, denyApproval } = await import('./cli/approvals.ts')
        const vote = { ...(await asReviewer(options)), reason: options.reason, digest: options.digest }
        return verb === 'approve' ? approveApproval(id, vote, io) : denyApproval(id, vote, io)
      })(),
    ),
  )
}

reviewer(approvals.command('modify').description('put a changed request in its place').argument('<id>', 'apr_...'))
  .option('--set <name=text>', 'an argument and what it becomes; name=@file reads it from a file', collect, [])
  .option('--edit [name]', 'open an argument in $VISUAL or $EDITOR')
  .option('--reason <text>', 'why; the next reviewer and the agent are told')
  .option('--digest <digest>', 'the digest that was shown, where the request hides something')
  .addHelpText(
    'after',
    example(
      'approvals modify apr_01JD3M8K2QX6W9 --set sql=@fixed.sql --reason "only the old ones"',
      'approvals modify apr_01JD3M8K2QX6W9 --edit',
    ),
  )
  .action((id: string, options: ReviewerOptions & ModifyFlags) =>
    finish(
      (async () => {
        const { modifyApproval } = await import('./cli/modifyApproval.ts')
        const { set, edit, reason, digest } = options
        const editor = process.env.VISUAL || process.env.EDITOR
        return modifyApproval(id, { ...(await asReviewer(options)), set, edit, reason, digest, editor }, io)
      })(),
    ),
  )
interface ModifyFlags {
  readonly set: readonly string[]
  readonly edit?: string | true
  readonly reason?: string
  readonly digest?: string
}
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

const revoke = program
  .command('revoke')
  .description('the kill switch: in the store, effective at once for every gateway on it')
  .argument('<caller|app|blueprint|person|list|undo>', 'what to revoke')
  .argument('[id]', 'an object id, an app id, a caller key; for undo the number that `revoke list` shows')
  .option('--reason <text>', 'kept in the trail')
  .addOption(config())
  .addOption(json())
  .addHelpText(
    'after',
    example('revoke app 6f1c1b3e-0000-4000-8000-000000000010 --reason "key leaked"', 'revoke list', 'revoke undo 3'),
  )
revoke.action((kind: string, id: string | undefined, options: { reason?: string; config: string; json: boolean }) =>
  finish(
    import('./offline.ts').then(({ revoke: run }) =>
      run(
        { kind, id, reason: options.reason, configPath: options.config, json: options.json, by: userInfo().username },
        io,
      ),
    ),
  ),
)

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a number from 1 to 65535.')
}

try {
  await program.parseAsync()
} catch (error) {
  exitCode = reportFailure(error)
}
process.exitCode = exitCode

/** Problems in files one a line; a coded error in two; a bug with its stack, because nobody else is watching. */
function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof ConfigError) {
    for (const problem of error.problems) io.err(`${formatProblem(problem)}\n`)
    return 2
  }
  if (error instanceof GateError) {
    io.err(`${error.code}: ${error.message}\n${error.next}\n`)
    return 2
  }
  io.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 2
}
