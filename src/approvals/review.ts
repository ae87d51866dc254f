import type { Action, Fact, MaskedText, MaskNote } from '../call.ts'
import {
  type Approval,
  type ApprovalState,
  approvalsFor,
  type ShownField,
  type ShownPreview,
  type Vote,
} from './approval.ts'
import { type DiffPart, diffText } from './diffText.ts'
import { type EditableField, editableFields } from './editableFields.ts'
import { findSuspiciousText } from './suspiciousText.ts'

/**
 * What a reviewer sees, on every surface: JSON for the API, and what the command line (and each later surface) draws.
 * Complete: nothing is shortened. Text of the agent or the target is masked, and still untrusted: each surface escapes
 * it for its own medium. Times are ISO 8601.
 */
export interface ReviewView {
  readonly id: string
  readonly state: ApprovalState
  readonly digest: string
  readonly created_at: string
  readonly expires_at: string
  readonly claim_by: string | null
  /** When it was closed: denied, expired, withdrawn or executed. */
  readonly settled_at: string | null
  /** The call that asked first, and the one that executed it: names under which the trail tells the rest. */
  readonly calls: { readonly asked: string; readonly executed: string | null }
  readonly who: {
    readonly kind: string
    /** For display; names can be chosen. */
    readonly name: string | null
    readonly subject: string
    readonly app: string
    readonly tenant: string | null
    readonly provider: string
    /** The person behind the call, when there is one. */
    readonly acting_for: string | null
    readonly blueprint: string | null
    readonly groups: readonly string[] | 'unknown'
    /** What the client program says about itself. Unverified. */
    readonly agent: { readonly name: string | null; readonly version: string | null }
  }
  readonly what: { readonly tool: string; readonly fields: readonly ShownField[]; readonly masked: readonly MaskNote[] }
  readonly where: { readonly connection: string; readonly labels: Readonly<Record<string, string>> }
  /** What would happen. Null: no preview could be made. */
  readonly effect: ShownPreview | null
  readonly limits: { readonly max_rows: number | null }
  readonly why: readonly StopReason[]
  /** The agent's own words. Unverified. */
  readonly reason: MaskedText | null
  readonly needs: readonly { readonly reviewers: string; readonly at_least: number; readonly approved: number }[]
  readonly votes: readonly VoteView[]
  /** Set when a reviewer wrote this in the place of another request. Its authors do not approve it. */
  readonly change: ChangeView | null
  /** The request that took the place of this one. */
  readonly replaced_by: { readonly id: string; readonly by: string; readonly note: MaskedText | null } | null
  /** What a reviewer may change now, as a form would offer it. */
  readonly editable: readonly EditableField[]
  /** It moves, or has moved, to other people when nobody decides. */
  readonly escalation: {
    readonly to: readonly string[]
    readonly at: string
    readonly done: boolean
    readonly from: readonly string[]
  } | null
  readonly warnings: readonly string[]
  /** False when something is hidden or could deceive: the reviewer must have opened the whole request. */
  readonly one_click: boolean
}

/** What a reviewer changed, against the request before it. */
interface ChangeView {
  readonly instead_of: string
  readonly by: string
  readonly via: string
  readonly note: MaskedText | null
  readonly authors: readonly string[]
  /** Every field that differs. The parts are cut from texts that went through masking. */
  readonly fields: readonly { readonly name: string; readonly diff: readonly DiffPart[] }[]
}

/** Why one operation was stopped. */
interface StopReason {
  readonly operation: string
  readonly action: Action
  readonly policy: string | null
  readonly rule: string | null
  readonly source: string | null
  readonly reason: string
  readonly because: string | null
  readonly facts: Readonly<Record<string, Fact>>
}

export interface VoteView {
  readonly by: string
  readonly subject: string
  readonly verdict: 'approve' | 'deny'
  readonly via: string
  readonly at: string
  readonly reason: MaskedText | null
}

/** The one view of an approval from which every surface draws. `nameGroup` turns directory ids into configured names. */
export function reviewViewOf(approval: Approval, nameGroup: (id: string) => string = (id) => id): ReviewView {
  const { caller, agent, shown, constraints } = approval
  const warnings = warningsOf(approval)
  return {
    id: approval.id,
    state: approval.state,
    digest: approval.digest,
    created_at: isoTime(approval.createdAt),
    expires_at: isoTime(approval.expiresAt),
    claim_by: approval.claimBy === undefined ? null : isoTime(approval.claimBy),
    settled_at: approval.settledAt === undefined ? null : isoTime(approval.settledAt),
    calls: { asked: approval.callId, executed: approval.takenBy ?? null },
    who: {
      kind: caller.kind,
      name: caller.name ?? null,
      subject: caller.subject,
      app: caller.app,
      tenant: caller.tenant ?? null,
      provider: caller.provider,
      acting_for: caller.person ?? null,
      blueprint: caller.blueprint ?? null,
      groups: caller.groups.known ? caller.groups.ids.map(nameGroup) : 'unknown',
      agent: { name: agent.name ?? null, version: agent.version ?? null },
    },
    what: { tool: approval.tool, fields: shown.fields, masked: shown.masked },
    where: { connection: approval.connection, labels: approval.labels },
    effect: shown.preview ?? null,
    limits: { max_rows: constraints.maxRows ?? null },
    why: approval.verdicts.map(({ operation, action, policy, rule, source, reason }) => ({
      operation: operation.operation,
      action,
      policy: policy ?? null,
      rule: rule ?? null,
      source: source ?? null,
      reason,
      because: operation.because ?? null,
      facts: operation.facts,
    })),
    reason: shown.reason ?? null,
    needs: approval.needs.map((need) => ({
      reviewers: need.set,
      at_least: need.atLeast,
      approved: approvalsFor(need, approval.votes),
    })),
    votes: approval.votes.map(voteViewOf),
    change: changeViewOf(approval),
    replaced_by: replacementViewOf(approval),
    editable: editableFields(approval),
    escalation: escalationViewOf(approval),
    warnings,
    one_click: warnings.length === 0 && !shown.fields.some((field) => field.masked) && shown.masked.length === 0,
  }
}

function changeViewOf({ modification, shown }: Approval): ChangeView | null {
  if (modification === undefined) return null
  const { parent, author, via, note, before, authors } = modification
  const names = [...new Set([...before, ...shown.fields].map(({ name }) => name))]
  const textIn = (fields: readonly ShownField[], name: string) =>
    fields.find((field) => field.name === name)?.text ?? ''
  const fields = names
    .map((name) => ({ name, before: textIn(before, name), after: textIn(shown.fields, name) }))
    .filter((field) => field.before !== field.after)
    .map((field) => ({ name: field.name, diff: diffText(field.before, field.after) }))
  return {
    instead_of: parent,
    by: author.name ?? author.subject,
    via,
    note: note ?? null,
    authors: authors.map(({ name, subject }) => name ?? subject),
    fields,
  }
}

function replacementViewOf({ replacement }: Approval): ReviewView['replaced_by'] {
  if (replacement === undefined) return null
  const { id, by, note } = replacement
  return { id, by: by.name ?? by.subject, note: note ?? null }
}

function escalationViewOf({ escalation, escalated, state, expiresAt }: Approval): ReviewView['escalation'] {
  if (escalation === undefined) return null
  const willMove = state === 'pending' && escalation.at < expiresAt
  if (escalated === undefined && !willMove) return null
  const from = (escalated?.from ?? []).map(({ set }) => set)
  return {
    to: escalation.to.map(({ set }) => set),
    at: isoTime(escalated?.at ?? escalation.at),
    done: escalated !== undefined,
    from,
  }
}

/** One vote as every surface shows it. */
export function voteViewOf({ name, subject, verdict, via, at, reason }: Vote): VoteView {
  return { by: name ?? subject, subject, verdict, via, at: isoTime(at), reason: reason ?? null }
}

function warningsOf(approval: Approval): readonly string[] {
  const { shown, agent, caller, verdicts, afterUnknown, modification } = approval
  const preview = [...(shown.preview?.lines ?? []), ...(shown.preview?.missing ?? [])]
  const texts: readonly (readonly [string, string | undefined])[] = [
    ...shown.fields.map(({ name, text }) => [name, text] as const),
    ['reason', shown.reason],
    ['effect', preview.join('\n')],
    ...(shown.preview?.texts ?? []).map(({ title, text }) => [title, `${title}\n${text}`] as const),
    ['agent', [agent.name, agent.version].join(' ')],
    ['caller', caller.name],
    // The removed parts of a diff stand beside what would run.
    ...(modification?.before ?? []).map(({ name, text }) => [`${name} before`, text] as const),
    ['note', modification?.note],
    ['operations', verdicts.map(({ operation }) => JSON.stringify([operation.operation, operation.facts])).join('\n')],
  ]
  const warnings = texts.flatMap(([where, text]) =>
    text === undefined ? [] : findSuspiciousText(text).map(({ message, count }) => `${where}: ${count} × ${message}`),
  )
  if (afterUnknown === undefined) return warnings
  return [`the same call (${afterUnknown}) was started before and nobody knows whether it took effect`, ...warnings]
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
