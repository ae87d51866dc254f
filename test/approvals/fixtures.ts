import { createHash } from 'node:crypto'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import type { Approval, ShownRequest, Vote } from '../../src/approvals/approval.ts'
import type { VotingBooth } from '../../src/approvals/castVote.ts'
import type { ApprovalGate, ClearRequest } from '../../src/approvals/clearance.ts'
import type { HoldStore } from '../../src/approvals/hold.ts'
import type { Reviewer } from '../../src/approvals/membership.ts'
import type { Rejudge } from '../../src/approvals/modify.ts'
import type { StateStore } from '../../src/approvals/ports.ts'
import { type ApprovalRules, approvalsSettings, resolveApprovalRules } from '../../src/approvals/settings.ts'
import type { Ballot } from '../../src/approvals/vote.ts'
import type { ApprovalTerms, Caller, Decision, MaskedOutput, MaskedText } from '../../src/call.ts'
import { newId } from '../../src/newId.ts'

export const T0 = Date.parse('2026-11-20T09:00:00Z')
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** Stands in for masking where a test needs text that went through it. */
export const masked = (text: string) => text as MaskedText
export const output = (result: ClearRequest['args']) => ({ result, masked: [] }) as unknown as MaskedOutput

export const digestNamed = (name: string) => `hmac-sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`

export function aCaller(over: Partial<Caller> = {}): Caller {
  return {
    key: 'entra/t1/agent-oid/app-1',
    provider: 'entra',
    kind: 'agent_on_behalf_of_user',
    tenant: 't1',
    subject: 'agent-oid',
    app: 'app-1',
    name: 'cleanup-bot',
    groups: { known: true, ids: ['g-agents'] },
    roles: [],
    person: 'entra/t1/human-oid',
    blueprint: 'blueprint-1',
    tokenId: 'uti-1',
    expiresAt: new Date(T0 + HOUR),
    ...over,
  }
}

export function aReviewer(name: string, over: Partial<Reviewer> = {}): Reviewer {
  return {
    person: `entra/t1/${name}-oid`,
    subject: `${name}-oid`,
    name,
    provider: 'entra',
    groups: { known: true, ids: ['g-dba'] },
    issuedAt: T0,
    ...over,
  }
}

export const shown: ShownRequest = {
  fields: [{ name: 'sql', text: masked('DELETE FROM jobs WHERE done'), masked: false }],
  reason: masked('queue is full'),
  preview: { rows: 12, lines: [masked('12 rows of public.jobs')], sample: undefined, missing: [] },
  masked: [],
}

export function anApproval(over: Partial<Approval> = {}): Approval {
  const { key, provider, kind, tenant, subject, app, name, groups, person, blueprint } = aCaller()
  return {
    id: newId('apr', T0),
    version: 1,
    state: 'pending',
    callId: 'call_1',
    caller: { key, provider, kind, tenant, subject, app, name, groups, person, blueprint },
    agent: { name: 'claude-code', version: '2.1' },
    tool: 'run_sql',
    connection: 'prod',
    labels: { env: 'prod' },
    digest: digestNamed('d1'),
    args: { connection: 'prod', sql: 'DELETE FROM jobs WHERE done' },
    operations: [],
    verdicts: [],
    policyVersion: 'sha256:1',
    constraints: { maxRows: 100 },
    shown,
    needs: [{ set: 'dba', atLeast: 1 }],
    votes: [],
    createdAt: T0,
    expiresAt: T0 + 4 * HOUR,
    ttlMs: 4 * HOUR,
    claimWithinMs: HOUR,
    claimBy: undefined,
    withdrawnBy: undefined,
    lease: undefined,
    takenBy: undefined,
    takenAt: undefined,
    outcomeRef: undefined,
    settledAt: undefined,
    output: undefined,
    failure: undefined,
    afterUnknown: undefined,
    ...over,
  }
}

export function aBallot(person: string, verdict: Vote['verdict'], over: Partial<Ballot> = {}): Ballot {
  return {
    person: `entra/t1/${person}-oid`,
    subject: `${person}-oid`,
    name: person,
    verdict,
    via: 'api',
    digest: digestNamed('d1'),
    reason: verdict === 'deny' ? masked('not during business hours') : undefined,
    memberOf: ['dba'],
    owners: [],
    ...over,
  }
}

export const rules: ApprovalRules = resolveApprovalRules(
  approvalsSettings.parse({
    store: { sqlite: 'x.db' },
    maxPendingPerCaller: 3,
    owners: { 'agent-oid': ['owner-oid'] },
    reviewers: {
      dba: { groups: ['dba-leads'] },
      'two-dbas': { groups: ['dba-leads'], atLeast: 2 },
      security: { people: ['sec-oid', 'both-oid'] },
    },
  }),
  { 'dba-leads': 'g-dba' },
)

export function aDecision(action: Decision['action'], terms: Partial<ApprovalTerms> = {}): Decision {
  const operation = { operation: 'DELETE', otherwise: 'deny', facts: { tables: ['public.jobs'] } } as const
  return {
    action,
    verdicts: [
      {
        operation,
        action,
        policy: 'cleanup',
        rule: 'small-deletes',
        source: 'policies/cleanup.yaml:7',
        reason: 'rule-matched',
        message: undefined,
      },
    ],
    approval:
      action === 'require-approval'
        ? { reviewers: ['dba'], ttlMs: undefined, preview: 'wanted', maxRows: 100, reason: 'optional', ...terms }
        : undefined,
    record: true,
    charges: [],
    policyVersion: 'sha256:1',
  }
}

let calls = 0

export function aRequest(over: Partial<ClearRequest> = {}): ClearRequest {
  calls += 1
  return {
    callId: `call_${calls}`,
    caller: aCaller(),
    agent: { name: 'claude-code', version: '2.1', conversation: undefined, traceparent: undefined },
    tool: 'run_sql',
    connection: 'prod',
    labels: { env: 'prod' },
    args: { connection: 'prod', sql: 'DELETE FROM jobs WHERE done' },
    effect: 'write',
    decision: aDecision('require-approval'),
    digest: digestNamed('d1'),
    constraints: { maxRows: 100 },
    idempotencyKey: undefined,
    approvalId: undefined,
    describe: async () => shown,
    ...over,
  }
}

/** Judges as policy did for the request itself, and shows each argument as it is. */
export const rejudge: Rejudge = async (approval, args) => ({
  ...{ args, decision: aDecision('require-approval'), constraints: { maxRows: 100 }, labels: approval.labels },
  digest: `hmac-sha256:${createHash('sha256').update(JSON.stringify(args)).digest('hex')}`,
  connectionVersion: undefined,
  shown: {
    fields: Object.entries(args as Record<string, string>).map(([name, text]) => ({
      name,
      text: masked(text),
      masked: false,
    })),
    preview: undefined,
    masked: [],
  },
})

/** A gate on a real store with a clock that the test moves. Events "in the trail" are listed. */
export interface TestGate extends ApprovalGate, VotingBooth, HoldStore {
  readonly store: StateStore
  readonly trail: string[]
  now: number
  rulesNow: ApprovalRules
}

export async function aGate(store: StateStore = createMemoryStore()): Promise<TestGate> {
  const lease = await store.acquireLease('gw-1', 24 * 30 * HOUR, T0)
  const trail: string[] = []
  const gate: TestGate = {
    store,
    trail,
    now: T0,
    rulesNow: rules,
    rules: () => gate.rulesNow,
    lease: () => lease,
    lookUpGroups: undefined,
    clock: () => gate.now,
    recordEvent: async (event) => {
      trail.push(event.vote === undefined ? event.kind : `${event.kind}:${event.vote.verdict}:${event.vote.name}`)
    },
  }
  return gate
}
