import type { PostgresTarget } from '../tools/run_sql/setup/targetUrl.ts'

export interface FirstConnection {
  readonly name: string
  readonly target: PostgresTarget
  /** Roles of the gate. */
  readonly read: string
  readonly write: string
  /** As `schema.table.column`. */
  readonly protect: readonly string[]
}

/** What a first configuration says of tenant, applications and address; placeholders stand for what is not known. */
export interface FirstIdentity {
  readonly tenantId: string | undefined
  readonly clientId: string | undefined
  readonly reviewerClientId: string | undefined
  readonly publicUrl: string | undefined
}

/** They load, differ where they must, and match no tenant, application or group that exists. */
const MISSING = {
  tenant: '00000000-0000-4000-8000-000000000001',
  gateway: '00000000-0000-4000-8000-000000000002',
  reviewerApp: '00000000-0000-4000-8000-000000000003',
  reviewers: '00000000-0000-4000-8000-000000000004',
} as const

/** countersign.yaml for a start, with a comment wherever a person must decide. */
export function drawFirstConfig(identity: FirstIdentity, connections: readonly FirstConnection[]): string {
  const { publicUrl } = identity
  const { tenantId = MISSING.tenant, clientId = MISSING.gateway, reviewerClientId = MISSING.reviewerApp } = identity
  return `# Written by \`countersign init\`. Everything here is documented in docs/; \`countersign check\` says what is wrong.
version: 1
server:
  listen: 127.0.0.1:8787${
    publicUrl === undefined
      ? '\n  # publicUrl: https://gate.corp.example/mcp    # the address that agents use; needed to listen beyond this machine'
      : `\n  publicUrl: ${yamlText(publicUrl)}`
  }
identity:
  - type: entra
    tenantId: ${yamlText(tenantId)}
    clientId: ${yamlText(clientId)}    # the app registration of this gateway
    requiredScope: mcp.access
    requiredRole: Agent.Access
groups:                                                     # names for object ids of directory groups
  reviewers: ${MISSING.reviewers}         # people who may approve
connections:${connections.map(drawConnection).join('')}
policies: [policies/*.yaml]
approvals:
  store: { sqlite: var/countersign.db }
  inlineWait: 45s
  ttl: 4h
  reviewerApp: { clientId: ${yamlText(reviewerClientId)}, requiredScope: approvals.review, maxLoginAge: 8h }
  console: { enabled: true }
  defaultReviewers: team
  reviewers:
    team: { groups: [reviewers], atLeast: 1 }
audit: { dir: var/audit }
`
}

function drawConnection({ name, target, read, write, protect }: FirstConnection): string {
  const { host, port, database, tls } = target
  const variable = `COUNTERSIGN_${name.replaceAll('-', '_').toUpperCase()}`
  return `
  ${name}:
    type: postgres
    host: ${yamlText(host)}
    port: ${port}
    database: ${yamlText(database)}
    tls: { mode: ${tls.mode}${tls.ca === undefined ? '' : `, ca: ${yamlText(tls.ca)}`} }
    read:  { user: ${yamlText(read)}, password: { env: ${variable}_RO_PASSWORD } }
    write: { user: ${yamlText(write)}, password: { env: ${variable}_RW_PASSWORD } }
    limits: { statementTimeout: 30s, maxRows: 1000, maxBytes: 1MiB }
    protect:${
      protect.length === 0 ? ' []    # table.column' : protect.map((column) => `\n      - ${yamlText(column)}`).join('')
    }
    predicates: approve                                     # protected columns in WHERE, ORDER BY, ...`
}

/** A cautious first policy: reads at once, changes of rows after approval, nothing else. */
export function drawFirstPolicy({ name }: FirstConnection): string {
  return `# Who: the directory group of this name (add it to \`groups\`), or callers with the app role of this name.
policy: ${name}-agents
connection: ${name}
rules:
  - name: read
    match: SELECT|SHOW
    action: allow
  - name: change-rows
    match: INSERT|UPDATE|DELETE|MERGE
    action: require-approval
    approval: { ttl: 1h, reason: required }
  - name: schema
    match: DROP|TRUNCATE|ALTER|CREATE|GRANT|REVOKE
    action: deny
    message: Schema changes go through migrations.
record: true
`
}

/** What must stay true of the policy, whoever edits it. Needs no database. */
export function drawFirstPolicyTest({ name }: FirstConnection): string {
  const test = (title: string, operation: string, expected: string) => `  - name: ${title}
    caller: agent
    connection: ${name}
    operations: [${operation}]
    expect: ${expected}
`
  return `config: ../countersign.yaml
callers:
  agent: { kind: app, roles: [${name}-agents] }
  stranger: { kind: app, roles: [] }
tests:
${test('an agent reads', 'SELECT', 'allow')}${test('a change of rows needs a person', 'DELETE', 'require-approval')}${test('a table is not dropped', 'DROP', 'deny')}  - name: nobody else reads
    caller: stranger
    connection: ${name}
    operations: [SELECT]
    expect: deny
`
}

/** Double-quoted YAML is a superset of JSON's strings; plain where every reader agrees. */
function yamlText(text: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_./:-]*$/.test(text) && !/^[\d.:-]+$/.test(text) ? text : JSON.stringify(text)
}
