import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startIssuer } from '../src/demo/issuer.ts'
import { startPostgres } from '../src/demo/postgres.ts'
import { seedDemoDatabase } from '../src/demo/seed.ts'
import { DEMO_IDS, writeDemoConfig } from '../src/demo/writeConfig.ts'

export interface Target {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

/** Everything the measured programs need around them: a real database, a real issuer, a configuration on disk. */
export interface Surroundings {
  readonly dir: string
  readonly configPath: string
  readonly gatewayUrl: string
  readonly barePort: number
  readonly database: Target
  readonly token: string
  stop(): Promise<void>
}

/** A page of a table with a join, an order and one protected column, as an agent reads it. */
export const READ =
  'SELECT u.id, u.name, u.email, o.status, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE o.user_id = 42 ORDER BY o.id LIMIT 20'

/** What the load replaces by a number of its own. */
export const COUNTER = 'nnnn'
/** The same with a text that never came before. */
export const NEW_READ = `${READ} -- ${COUNTER}`

/** One row that policy allows. */
export const WRITE = "INSERT INTO jobs (kind, state) VALUES ('bench', 'done')"
/** The demo's policy, with INSERT opened; what was read is recorded as well. */
const POLICY = `policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT|INSERT
    action: allow
  - match: DELETE|DROP|UPDATE
    action: require-approval
record: true
`

export async function openSurroundings(): Promise<Surroundings> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const [postgres, issuer] = await Promise.all([startPostgres(), startIssuer()])
  const password = () => randomBytes(18).toString('base64url')
  const credentials = {
    read: { user: 'gate_ro', password: password() },
    write: { user: 'gate_rw', password: password() },
  }
  await seedDemoDatabase(postgres, credentials)
  const [port, barePort] = [await freePort(), await freePort()]
  const { host } = postgres
  const configPath = await writeDemoConfig({
    dir,
    port,
    issuer: issuer.authority,
    database: { host, port: postgres.port },
    credentials,
  })
  await writeFile(join(dir, 'policies', 'db-maintenance-agents.yaml'), POLICY)
  return {
    dir,
    configPath,
    gatewayUrl: `http://127.0.0.1:${port}/mcp`,
    barePort,
    database: { host, port: postgres.port, database: 'app', ...credentials.read },
    token: await issuer.mint('app-only', {
      claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp: DEMO_IDS.agentApp },
      lifetime: 8 * 3600,
    }),
    async stop() {
      await issuer.close()
      await postgres.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has an address')
  return address.port
}

/** A tools/call in one POST, as clients of the 2025 protocols send it. */
export function callOf2025(token: string, sql: string) {
  const headers = { ...HEADERS, authorization: `Bearer ${token}` }
  return { headers, body: JSON.stringify(callBody(sql, {})) }
}

/** The same call in protocol 2026-07-28: the version and the client come with every request. */
export function callOf2026(token: string, sql: string) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const headers = {
    ...HEADERS,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'run_sql',
    authorization: `Bearer ${token}`,
  }
  return { headers, body: JSON.stringify(callBody(sql, { _meta: meta })) }
}

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

function callBody(sql: string, more: object) {
  const params = { name: 'run_sql', arguments: { connection: 'prod-maintenance', sql }, ...more }
  return { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
}
