/**
 * The words every stage shares. Types only: this module has no behaviour and imports nothing.
 *
 * A call moves through evidence types. Each one is made in exactly one place, so a stage that is left out or out of
 * order does not compile: `Caller` by identity, `Understanding` by a tool, `ClearedCall` by approvals/clear.ts,
 * `StartedCall` by audit/record.ts (the intent is durable), `MaskedOutput` and `MaskedText` by masking.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What the client says about itself. Never trusted, always recorded as such. */
export interface AgentInfo {
  readonly name: string | undefined
  readonly version: string | undefined
  /** The conversation id that the client sends in `_meta`, when it sends one. */
  readonly conversation: string | undefined
  readonly traceparent: string | undefined
}

/** A tool call as the client sent it. Nothing about it has been verified. */
export interface ToolCall {
  /** `call_` + 26 characters, sortable by time. */
  readonly id: string
  readonly tool: string
  /** A deep-frozen copy of the arguments: judged once, and exactly this runs. */
  readonly args: Json
  readonly credential: string | undefined
  readonly receivedAt: Date
  readonly agent: AgentInfo
  /** Remote address of the socket, for rate limits and the trail. */
  readonly address: string
}

export type CallerKind = 'user' | 'agent_on_behalf_of_user' | 'agent_user' | 'agent' | 'app'

/** Group membership is known, or it is not: an unknown list is never an empty one. */
export type Groups =
  | { readonly known: true; readonly ids: readonly string[] }
  | { readonly known: false; readonly why: 'overage' | 'not-in-token' | 'lookup-failed' }

/** The verified principal of this request. The credential is gone: no later stage can leak it. */
export interface Caller {
  /** provider + tenant + subject + client app: two agents of one human are two callers. */
  readonly key: string
  readonly provider: string
  readonly kind: CallerKind
  readonly tenant: string | undefined
  /** Entra: the `oid`. Immutable within its provider and tenant. */
  readonly subject: string
  /** Entra: the `azp`. The client program's app id. */
  readonly app: string
  /** For display only, never for a decision. */
  readonly name: string | undefined
  readonly groups: Groups
  readonly roles: readonly string[]
  /** provider + tenant + subject of the person behind the call; undefined when there is none. */
  readonly person: string | undefined
  /** Entra Agent ID blueprint. Logged, and honoured by the kill switch; never authorises anything. */
  readonly blueprint: string | undefined
  /** Entra: the `uti`. Joins the trail to the sign-in logs. */
  readonly tokenId: string | undefined
  readonly expiresAt: Date
}

export type Action = 'allow' | 'require-approval' | 'deny'

export type Fact = string | number | boolean | readonly string[]

/**
 * One thing a call would do, as the tool's parser reports it. Policy judges operations, never text. A call may have
 * several, and each needs cover of its own.
 */
export interface Operation {
  /** `SELECT`, `DELETE`, `function:public.slugify`, `cascade:public.orders`, ... */
  readonly operation: string
  /**
   * What happens when no rule names this operation. `deny` for what the caller asked for; `require-approval` for
   * consequences of it that a person may judge (an unlisted function, a cascade); `allow` never.
   */
  readonly otherwise: 'deny' | 'require-approval'
  /** When set, no rule can loosen the answer below this: `deny` is for what must never run. */
  readonly floor?: 'deny' | 'require-approval'
  /** Why the tool reports this operation, one clause, no secrets: "the DELETE cascades to public.orders". */
  readonly because?: string
  readonly facts: Readonly<Record<string, Fact>>
}

/** The answer for one operation, and where it comes from. */
export interface Verdict {
  readonly operation: Operation
  readonly action: Action
  readonly policy: string | undefined
  readonly rule: string | undefined
  /** file:line of the rule, for people. */
  readonly source: string | undefined
  /** Stable kebab-case: rule-matched, no-rule-matched, floor, groups-unknown, ... */
  readonly reason: string
  /** The policy author's sentence for the agent, when the rule has one. */
  readonly message: string | undefined
  /** When and how often a rule would have answered that does not now: "opens mon-fri 08:00-18:00 UTC; next at ...". */
  readonly hindrance?: string | undefined
}

/** A rule that opens things only so often for each caller. Its uses are counted when a call is cleared. */
export interface RatedRule {
  readonly policy: string
  readonly rule: string
  readonly limit: number
  readonly windowMs: number
}

/** To which reviewer set a request moves, and after how long. `default`: as configured for all requests. */
export type RuleEscalation = { readonly afterMs: number; readonly to: string } | 'default' | 'none'

/** What reviewers must do before a gated call may run. Merged from every rule that gates it: the strictest wins. */
export interface ApprovalTerms {
  /** Names of reviewer sets; every one of them must be satisfied. Empty means nobody can approve. */
  readonly reviewers: readonly string[]
  readonly ttlMs: number | undefined
  readonly preview: 'required' | 'wanted'
  /** The execution is rolled back when it changes more rows than this. */
  readonly maxRows: number | undefined
  readonly reason: 'required' | 'optional'
  /** Where the request goes when nobody has decided, as each rule that gates it says. Absent: as configured for all. */
  readonly escalation?: readonly RuleEscalation[] | undefined
}

/** What policy says about a call, with every reason. A denial is a result, not an exception. */
export interface Decision {
  readonly action: Action
  readonly verdicts: readonly Verdict[]
  readonly approval: ApprovalTerms | undefined
  /** What clearing the call uses up: of each entry at least one rule must have room, and all that have are charged. */
  readonly charges: readonly (readonly RatedRule[])[]
  /** The masked output goes into the trail as well. */
  readonly record: boolean
  /** sha256 over the loaded policies. */
  readonly policyVersion: string
}

declare const maskedText: unique symbol
declare const maskedOutput: unique symbol
declare const cleared: unique symbol
declare const started: unique symbol

/** Text without protected values, as reviewers, the trail and logs may see it. Only masking makes one. */
export type MaskedText = string & { readonly [maskedText]: true }

/** What was hidden and why; never the value. */
export interface MaskNote {
  /** A column name, an argument name, or a JSON pointer. */
  readonly where: string
  readonly why: string
  readonly count: number
}

/** Output that went through masking and the output caps. Only masking makes one; the wire accepts no other. */
export interface MaskedOutput {
  readonly [maskedOutput]: true
  readonly result: Json
  readonly masked: readonly MaskNote[]
}

/**
 * A call that policy allows, or that people approved and that was taken from the approval, once. Only
 * approvals/clear.ts makes one.
 */
export interface ClearedCall {
  readonly [cleared]: true
  readonly callId: string
  readonly approvalId: string | undefined
  readonly constraints: Constraints
}

/** What the execution is held to. */
export interface Constraints {
  readonly maxRows: number | undefined
}

/** A cleared call whose intent is durable in the trail. Only audit/record.ts makes one; only this can execute. */
export interface StartedCall extends ClearedCall {
  readonly [started]: true
}

export type AnswerStatus = 'ok' | 'pending_approval' | 'denied' | 'expired' | 'withdrawn' | 'failed' | 'unknown'

/**
 * What goes back to the agent, whatever happened: the one envelope, already masked. The wire renders it twice, as text
 * and as structured content, because clients show their model only one or the other.
 */
export interface Answer {
  readonly status: AnswerStatus
  readonly callId: string
  readonly approvalId: string | undefined
  /** A code of errors.ts when the call was stopped. */
  readonly code: string | undefined
  /** One sentence for the model. */
  readonly message: MaskedText
  /** What to do now. */
  readonly nextStep: string
  /** Reasons and other facts, machine-readable. */
  readonly details: Json | undefined
  readonly output: MaskedOutput | undefined
}
