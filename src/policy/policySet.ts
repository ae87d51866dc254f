import type { Action, CallerKind, RatedRule, RuleEscalation } from '../call.ts'
import type { Place, Problem } from '../settings/configError.ts'
import type { MatchKey } from '../tools/tool.ts'
import type { Circumstances } from './circumstances.ts'

/** Policies that loaded, with every name resolved. Immutable; a reload makes a new one. */
export interface PolicySet {
  /** sha256 over what the policies mean: comments, spelling and the order of keys do not change it. */
  readonly version: string
  readonly policies: readonly Policy[]
  /** Reviewer sets for gated calls whose rules name none. Undefined: nobody can approve those. */
  readonly defaultReviewers: readonly string[] | undefined
  /** Every rule with a rate: whose uses must be known before a call is decided. */
  readonly rated: readonly RatedRule[]
  /** Things that are probably a mistake and stop nothing. */
  readonly warnings: readonly Problem[]
}

export interface Policy {
  readonly name: string
  readonly subjects: PolicySubjects
  readonly connections: readonly ConnectionSelector[]
  readonly rules: readonly Rule[]
  readonly record: boolean
  readonly place: Place
}

/** Who a policy is for: anybody on one of the four lists, as far as kinds and providers allow. */
export interface PolicySubjects {
  /** Directory object ids, and the aliases that people wrote. */
  readonly groups: readonly { readonly alias: string; readonly id: string }[]
  readonly apps: readonly string[]
  readonly roles: readonly string[]
  readonly callers: readonly string[]
  /** No list was written at all: kinds and providers alone say who. */
  readonly anyone: boolean
  readonly kinds: readonly CallerKind[] | undefined
  readonly providers: readonly string[] | undefined
}

export type ConnectionSelector = { readonly name: string } | { readonly labels: Readonly<Record<string, string>> }

export interface Rule {
  /** As written, or the place in the list counted from 1. */
  readonly name: string
  readonly action: Action
  /** Names and globs (`function:public.*`). Undefined: every operation, which only a deny rule can say. */
  readonly operations: readonly string[] | undefined
  /** What else must hold, per tool the rule speaks about. A tool that is not in here is not touched by the rule. */
  readonly conditions: ReadonlyMap<string, readonly Condition[]>
  /** What else must hold, whatever the tool. */
  readonly circumstances: Circumstances
  readonly approval: RuleApproval
  readonly message: string | undefined
  readonly place: Place
}

export interface Condition {
  readonly key: string
  readonly wanted: unknown
  readonly matches: MatchKey['matches']
}

export interface RuleApproval {
  /** Undefined: the default reviewers. */
  readonly reviewers: readonly string[] | undefined
  readonly ttlMs: number | undefined
  readonly preview: 'required' | 'wanted'
  readonly maxRows: number | undefined
  readonly reason: 'required' | 'optional'
  /** Undefined: as configured for all requests. */
  readonly escalation?: Exclude<RuleEscalation, 'default'> | undefined
}
