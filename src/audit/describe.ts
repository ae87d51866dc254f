import type * as z from 'zod'
import type { AgentInfo, Caller, Decision, Operation, Verdict } from '../call.ts'
import type { agentFields, CallerFields, decisionFields, operationFields } from './fields.ts'

const MAX_UNTRUSTED = 200

/** The words of the pipeline in the words of the trail. Absent things are left out of the line. */
export function callerToFields(caller: Caller, nameGroup: (id: string) => string): CallerFields {
  return {
    kind: caller.kind,
    provider: caller.provider,
    tid: caller.tenant,
    oid: caller.subject,
    app: caller.app,
    name: caller.name,
    person: caller.person,
    ...(caller.groups.known ? { groups: caller.groups.ids.map(nameGroup) } : { groups_unknown: caller.groups.why }),
    roles: caller.roles.length === 0 ? undefined : caller.roles,
    blueprint: caller.blueprint,
    token: caller.tokenId,
  }
}

/** The caller without what only a decision needs: for the records that follow one. */
export function shortCaller(fields: CallerFields): CallerFields {
  const { groups: _groups, roles: _roles, groups_unknown: _unknown, ...short } = fields
  return short
}

export function agentToFields(agent: AgentInfo): z.infer<typeof agentFields> {
  return {
    name: cut(agent.name),
    version: cut(agent.version),
    conversation: cut(agent.conversation),
    traceparent: cut(agent.traceparent),
  }
}

/** A client chooses this text: it gets a bounded place. */
export function cut(text: string): string
export function cut(text: string | undefined): string | undefined
export function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_UNTRUSTED)
}

/** No fact can pass for the operation itself, nor for what is said about it. */
export function operationToFields(operation: Operation): z.infer<typeof operationFields> {
  const { operation: name, otherwise, floor, because, facts } = operation
  const { operation: _reserved, ...named } = facts
  return { operation: name, ...named, otherwise, floor, because }
}

export function decisionToFields(decision: Decision): z.infer<typeof decisionFields> {
  const leading = decision.verdicts.find(({ action }) => action === decision.action)
  const { approval } = decision
  return {
    action: decision.action,
    policy: leading?.policy,
    rule: leading?.rule,
    source: leading?.source,
    reason: leading?.reason,
    policy_version: decision.policyVersion,
    verdicts: decision.verdicts.map(verdictToFields),
    approval:
      approval === undefined
        ? undefined
        : {
            reviewers: approval.reviewers,
            ttl_ms: approval.ttlMs,
            preview: approval.preview,
            max_rows: approval.maxRows,
            reason: approval.reason,
          },
  }
}

function verdictToFields({ operation, action, policy, rule, source, reason }: Verdict) {
  return { operation: operation.operation, action, policy, rule, source, reason }
}
