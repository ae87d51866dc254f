import { randomBytes } from 'node:crypto'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { loadSigningKey } from '../audit/signingKey.ts'
import { verifyTrail } from '../audit/verify.ts'
import { paint, type Terminal } from '../cli/terminal.ts'
import type { RunningGateway } from '../startGateway.ts'
import { clientEntries } from './clientEntries.ts'
import { type DemoIssuer, startIssuer } from './issuer.ts'
import { playSession } from './playSession.ts'
import { type RunningPostgres, startPostgres } from './postgres.ts'
import { type DemoCredentials, seedDemoDatabase } from './seed.ts'
import { DEMO_IDS, writeDemoConfig } from './writeConfig.ts'

export interface DemoOptions {
  /** Stop after the session; otherwise stay up until interrupted. */
  readonly once: boolean
  readonly port: number
  /** Configuration, state and trail are kept here; the trail grows from run to run. */
  readonly dir: string
}

/** Starts the real gateway from a configuration file. Handed in, so that the demo chooses no adapter. */
export type StartGateway = (configPath: string) => Promise<RunningGateway>

/** How long the token in the ready-made client entries lasts, in seconds. */
const TOKEN_LIFETIME = 8 * 3600

/**
 * `countersign demo`: the gate on embedded parts, started from real configuration files. Plays an agent session, has
 * it decided, verifies the trail, and stays up for your own agent. Exit code 0 when everything went as it should.
 */
export async function runDemo(
  { once, port, dir }: DemoOptions,
  terminal: Terminal,
  startGateway: StartGateway,
): Promise<0 | 1> {
  const folder = resolve(dir)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  terminal.write(`\n${paint(terminal, 'bold', 'Countersign demo')}  real parts on this machine, nothing to install\n`)
  let parts: DemoParts | undefined
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve('interrupted'))
  })
  try {
    parts = await startParts(folder, port, terminal, startGateway)
    const { gateway, issuer } = parts
    const agentToken = await mintAgentToken(issuer)
    const mintReviewerToken = () => issuer.mint('reviewer')
    const session = playSession({ url: gateway.url, agentToken, mintReviewerToken, terminal })
    if ((await Promise.race([session, interrupted])) === 'interrupted') return 0

    const whole = await showTrail(folder, parts, terminal)
    if (once || !whole) return whole ? 0 : 1
    await writePrivately(join(folder, 'agent.token'), agentToken)
    terminal.write(
      clientEntries({ url: gateway.url, tokenFile: relative(process.cwd(), join(folder, 'agent.token')), terminal }),
    )
    await interrupted
    terminal.write('\nStopping.')
    return 0
  } finally {
    await stopParts(parts)
  }
}

interface DemoParts {
  readonly postgres: RunningPostgres
  readonly issuer: DemoIssuer
  readonly gateway: RunningGateway
}

async function startParts(
  folder: string,
  port: number,
  terminal: Terminal,
  startGateway: StartGateway,
): Promise<DemoParts> {
  const ready = (what: string, where: string) =>
    terminal.write(`  ${paint(terminal, 'green', '●')} ${what.padEnd(34)} ${paint(terminal, 'dim', where)}`)
  const postgres = await startPostgres()
  let issuer: DemoIssuer | undefined
  try {
    const credentials = makeCredentials()
    await seedDemoDatabase(postgres, credentials)
    ready(`PostgreSQL ${postgres.major}, fresh demo data`, `${postgres.host}:${postgres.port}`)
    issuer = await startIssuer()
    ready('Entra stand-in (demo only)', issuer.authority)
    const database = { host: postgres.host, port: postgres.port }
    const configPath = await writeDemoConfig({ dir: folder, port, issuer: issuer.authority, database, credentials })
    // Relative, so that rules are named in requests and records as `countersign serve` would name them.
    const shownPath = relative(process.cwd(), configPath)
    const gateway = await startGateway(shownPath)
    ready('Gateway, MCP over HTTP', gateway.url)
    ready('Console for reviewers', `${new URL('/console', gateway.url)}  (sign in as Grace)`)
    ready('Configuration and policy', shownPath)
    return { postgres, issuer, gateway }
  } catch (error) {
    await issuer?.close()
    await postgres.stop()
    throw error
  }
}

async function stopParts(parts: DemoParts | undefined): Promise<void> {
  await parts?.gateway.stop('signal')
  await parts?.issuer.close()
  await parts?.postgres.stop()
}

function makeCredentials(): DemoCredentials {
  const password = () => randomBytes(18).toString('base64url')
  return { read: { user: 'gate_ro', password: password() }, write: { user: 'gate_rw', password: password() } }
}

/** An autonomous agent: a service principal with the app role that the policy is named after. */
function mintAgentToken(issuer: DemoIssuer): Promise<string> {
  const roles = ['Agent.Access', 'db-maintenance-agents']
  return issuer.mint('app-only', { claims: { roles, azp: DEMO_IDS.agentApp }, lifetime: TOKEN_LIFETIME })
}

async function showTrail(folder: string, { gateway }: DemoParts, terminal: Terminal): Promise<boolean> {
  const { dir, signingKey } = gateway.config.audit
  const key = await loadSigningKey(dir, signingKey, () => Promise.reject(new TypeError('the demo keeps its own key')))
  const reports = await verifyTrail(dir, { heads: [], publicKeys: new Map([[key.id, key.publicKey]]), archived: false })
  const records = reports.reduce((sum, report) => sum + report.records, 0)
  const whole = reports.every((report) => report.break === undefined)
  const mark = whole ? paint(terminal, 'green', '✓ whole') : paint(terminal, 'red', '✗ broken')
  const where = relative(process.cwd(), dir)
  terminal.write(
    `\n${paint(terminal, 'bold', '5  The trail')}  ${records} records in ${where}, hash-chained and signed: ${mark}`,
  )
  terminal.write(
    paint(
      terminal,
      'dim',
      `   node dist/main.js audit verify ${where} --config ${relative(process.cwd(), join(folder, 'countersign.yaml'))}`,
    ),
  )
  return whole
}

async function writePrivately(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
  await chmod(path, 0o600)
}
