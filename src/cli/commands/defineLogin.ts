import type { Command } from 'commander'
import type { ExitCode } from '../commandStop.ts'
import type { LoginProvider } from '../deviceLogin.ts'
import type { Output } from '../reviewerApi.ts'
import { abortOnInterrupt } from './abortOnInterrupt.ts'
import { type CommandLine, exampleOf } from './commandLine.ts'
import { addGatewayOptions, findLoginFile, type GatewayOptions, readGateway } from './reviewerOptions.ts'

interface LoginOptions extends GatewayOptions {
  readonly issuer?: string
  readonly clientId?: string
  readonly scope: readonly string[]
}

/** `login` and `logout`, which keep and forget the token of a reviewer. */
export function defineLogin(approvals: Command, { finish, io }: Omit<CommandLine, 'program'>): void {
  addGatewayOptions(
    approvals
      .command('login')
      .description('log in as a reviewer, in a browser on any device; the token is kept for the other commands'),
  )
    .option('--issuer <url>', 'instead of --config: the identity provider')
    .option('--client-id <id>', 'instead of --config: the reviewer app')
    .option('--scope <scopes...>', 'instead of --config: what the token must carry', ['approvals.review'])
    .addHelpText(
      'after',
      exampleOf(
        'approvals login --config countersign.yaml',
        'approvals login --url https://gate.corp.example/mcp --issuer https://id.corp.example --client-id reviewers',
      ),
    )
    .action((options: LoginOptions) => finish(logIn(options, io)))
  addGatewayOptions(approvals.command('logout').description('forget the token that login has kept'))
    .addHelpText('after', exampleOf('approvals logout --url https://gate.corp.example/mcp'))
    .action((options: GatewayOptions) => finish(logOut(options, io)))
}

async function logIn(options: LoginOptions, io: Output): Promise<ExitCode> {
  const approvals = await import('../approvals.ts')
  const interrupted = abortOnInterrupt()
  return approvals.logIn(await readLogin(options), io, interrupted)
}

async function logOut(options: GatewayOptions, io: Output): Promise<ExitCode> {
  const approvals = await import('../approvals.ts')
  return approvals.logOut(await readGateway(options), io)
}

interface Login {
  readonly url: string
  readonly loginFile: string
  readonly provider: () => LoginProvider
}

/** With a URL and a named provider no configuration is needed. */
async function readLogin({ url, config, issuer, clientId, scope }: LoginOptions): Promise<Login> {
  const [{ loginProviderOf, namedProvider }, { loadConfig }, loginFile] = await Promise.all([
    import('../deviceLogin.ts'),
    import('../../config/loadConfig.ts'),
    findLoginFile(),
  ])
  const isNamed = issuer !== undefined || clientId !== undefined
  if (isNamed && url !== undefined) return { url, loginFile, provider: () => namedProvider(issuer, clientId, scope) }
  const loaded = await loadConfig(config)
  const provider = () => (isNamed ? namedProvider(issuer, clientId, scope) : loginProviderOf(loaded))
  return { url: url ?? loaded.server.publicUrl, loginFile, provider }
}
