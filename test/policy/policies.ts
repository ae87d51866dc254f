import type { Caller, Operation } from '../../src/call.ts'
import type { PolicyContext } from '../../src/policy/compilePolicy.ts'
import type { JudgedCall } from '../../src/policy/considerRules.ts'
import { compilePolicies } from '../../src/policy/loadPolicies.ts'
import type { PolicySet } from '../../src/policy/policySet.ts'
import { parseYaml } from '../../src/settings/readYaml.ts'
import { shellTool, sqlTool } from './judgedTools.ts'

export const AGENTS = '6f1c1b3e-0000-4000-8000-0000000000aa'
export const LEADS = '6f1c1b3e-0000-4000-8000-0000000000bb'

export const context: PolicyContext = {
  tools: [sqlTool, shellTool],
  groups: new Map([
    ['db-maintenance-agents', AGENTS],
    ['dba-leads', LEADS],
  ]),
  connections: new Map([
    ['prod-maintenance', { type: 'postgres', labels: { env: 'prod' } }],
    ['staging', { type: 'postgres', labels: { env: 'staging' } }],
    ['web-1', { type: 'ssh', labels: { env: 'prod' } }],
  ]),
  providers: ['entra', 'okta'],
  reviewers: ['dba', 'two-dbas', 'platform'],
  defaultReviewers: 'dba',
}

/** Loads policies from texts, as if they stood in 1.yaml, 2.yaml, ... */
export function policiesOf(texts: readonly string[], over: Partial<PolicyContext> = {}): PolicySet {
  const files = texts.map((text, index) => parseYaml(text, `${index + 1}.yaml`))
  return compilePolicies(files, { ...context, ...over })
}

export function caller(over: Partial<Caller> = {}): Caller {
  return {
    key: 'entra|t|s|a',
    provider: 'entra',
    kind: 'agent',
    tenant: 't',
    subject: '6f1c1b3e-0000-4000-8000-000000000011',
    app: '6f1c1b3e-0000-4000-8000-000000000010',
    name: undefined,
    groups: { known: true, ids: [AGENTS] },
    roles: [],
    person: undefined,
    blueprint: undefined,
    tokenId: undefined,
    expiresAt: new Date(0),
    ...over,
  }
}

export function operation(name: string, over: Partial<Operation> = {}): Operation {
  return { operation: name, otherwise: name.includes(':') ? 'require-approval' : 'deny', facts: {}, ...over }
}

export function call(operations: readonly (string | Operation)[], over: Partial<JudgedCall> = {}): JudgedCall {
  return {
    caller: caller(),
    connection: { name: 'prod-maintenance', labels: { env: 'prod' } },
    tool: 'run_sql',
    operations: operations.map((given) => (typeof given === 'string' ? operation(given) : given)),
    moment: { now: Date.parse('2026-11-20T09:00:00Z'), used: new Map() },
    ...over,
  }
}

export const SEED = `policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - match: DELETE|DROP|UPDATE
    action: require-approval
record: true
`
