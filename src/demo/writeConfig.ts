import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DemoCredentials } from './seed.ts'

/** Fixed, made-up directory ids: the demo's files read the same on every machine. */
export const DEMO_IDS = {
  tenant: '6f1c1b3e-0000-4000-8000-000000000001',
  gateway: '6f1c1b3e-0000-4000-8000-000000000002',
  reviewerApp: '6f1c1b3e-0000-4000-8000-000000000003',
  agentApp: '6f1c1b3e-0000-4000-8000-000000000010',
  agentObject: '6f1c1b3e-0000-4000-8000-000000000011',
  /** Ada, who owns the demo agent. */
  engineer: '6f1c1b3e-0000-4000-8000-000000000020',
  reviewer: '6f1c1b3e-0000-4000-8000-000000000021',
  agentsGroup: '6f1c1b3e-0000-4000-8000-0000000000aa',
  reviewersGroup: '6f1c1b3e-0000-4000-8000-0000000000bb',
} as const

interface DemoConfigInput {
  readonly dir: string
  readonly port: number
  readonly issuer: string
  readonly database: { readonly host: string; readonly port: number }
  readonly credentials: DemoCredentials
}

/**
 * Writes the demo's configuration as the files a platform engineer would write, secrets in files of their own, and
 * answers the path of countersign.yaml. The demo then starts from them exactly as `countersign serve` does.
 */
export async function writeDemoConfig(input: DemoConfigInput): Promise<string> {
  const secrets = join(input.dir, 'secrets')
  await mkdir(join(input.dir, 'policies'), { recursive: true })
  await mkdir(secrets, { recursive: true, mode: 0o700 })
  await writeSecret(join(secrets, 'gate_ro'), input.credentials.read.password)
  await writeSecret(join(secrets, 'gate_rw'), input.credentials.write.password)
  await writeFile(join(input.dir, 'policies', 'db-maintenance-agents.yaml'), POLICY)
  const path = join(input.dir, 'countersign.yaml')
  await writeFile(path, configText(input))
  return path
}

async function writeSecret(path: string, value: string): Promise<void> {
  await writeFile(path, value, { mode: 0o600 })
  // An existing file keeps its mode when it is written again.
  await chmod(path, 0o600)
}

const POLICY = `# The seed form: bound to the group or the app role of this name.
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - match: DELETE|DROP|UPDATE
    action: require-approval
record: true
`

const configText = ({
  port,
  issuer,
  database,
  credentials,
}: DemoConfigInput): string => `# Written by \`countersign demo\`, again at every start. Copy it to begin your own.
version: 1
server:
  listen: 127.0.0.1:${port}
  publicUrl: http://127.0.0.1:${port}/mcp
  insecureLoopback: true                # demo only: plain http to the local issuer below
identity:
  - type: entra
    tenantId: ${DEMO_IDS.tenant}
    clientId: ${DEMO_IDS.gateway}
    authority: ${issuer}    # demo only: a local stand-in that mints Entra-shaped tokens
    requiredScope: mcp.access
    requiredRole: Agent.Access
groups:
  db-maintenance-agents: ${DEMO_IDS.agentsGroup}
  dba-leads: ${DEMO_IDS.reviewersGroup}
connections:
  prod-maintenance:
    type: postgres
    host: ${database.host}
    port: ${database.port}
    database: app
    tls: { mode: disable }
    read: { user: ${credentials.read.user}, password: { file: secrets/gate_ro } }
    write: { user: ${credentials.write.user}, password: { file: secrets/gate_rw } }
    limits: { statementTimeout: 30s, maxRows: 1000, maxBytes: 1MiB }
    protect: [users.email, users.ssn]
    predicates: approve
    labels: { env: demo }
policies: [policies/*.yaml]
approvals:
  store: { sqlite: countersign.db }
  inlineWait: 45s
  ttl: 4h
  claimWithin: 1h
  reviewerApp: { clientId: ${DEMO_IDS.reviewerApp}, requiredScope: approvals.review, maxLoginAge: 8h }
  console: { enabled: true }            # http://127.0.0.1:${port}/console
  owners: { ${DEMO_IDS.agentObject}: [${DEMO_IDS.engineer}] }    # Ada answers for the agent, so she may not approve for it
  defaultReviewers: dba
  reviewers:
    dba: { groups: [dba-leads], atLeast: 1 }
audit: { dir: audit }
`
