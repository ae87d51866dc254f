import type { Caller, CallerKind, RatedRule } from '../call.ts'
import type { Rate } from './rate.ts'
import { isInWindow, nextOpening, type TimeWindow } from './timeWindow.ts'

/** What a rule may ask for whatever the tool is: who, where, when and how often. All of it must hold. */
export interface Circumstances {
  readonly kinds?: readonly CallerKind[] | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Open when any of them is. */
  readonly during?: readonly TimeWindow[] | undefined
  readonly atMost?: Rate | undefined
}

/** The moment of a decision, and what happened before it: input, so that deciding stays a pure function. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number
  /**
   * How often this caller has used each rated rule within its own time, by `ruleKey`. A rule that is missing counts as
   * used up.
   */
  readonly used: ReadonlyMap<string, number>
}

/** A moment at which no rule was used yet: for what is asked without a gateway that counts. */
export function unusedAt(now: number, rated: readonly RatedRule[]): Moment {
  return { now, used: new Map(rated.map((rule) => [ruleKey(rule), 0])) }
}

/** Names a rule where its uses are counted. An unnamed rule is its place in the list. */
export function ruleKey({ policy, rule }: { readonly policy: string; readonly rule: string }): string {
  return `${policy}/${rule}`
}

/** Why the rule does not speak about this call, apart from its rate: one clause. */
export function hindranceOf(
  circumstances: Circumstances,
  caller: Pick<Caller, 'kind'>,
  connection: Labelled,
  now: number,
): Hindrance | undefined {
  const stranger = strangerTo(circumstances, caller, connection)
  if (stranger !== undefined) return { because: stranger }
  const { during } = circumstances
  if (during === undefined || during.some((window) => isInWindow(window, now))) return undefined
  const opens = nextOpening(during, now)
  const next = opens === undefined ? '' : `; next at ${new Date(opens).toISOString()}`
  return { because: `opens ${during.map(({ text }) => text).join(' and ')}${next}`, closed: true }
}

/** Why the rule never speaks about this caller on this connection, at whatever time. */
export function strangerTo(
  { kinds, labels: wanted }: Circumstances,
  caller: Pick<Caller, 'kind'>,
  connection: Labelled,
): string | undefined {
  if (kinds !== undefined && !kinds.includes(caller.kind)) return `is for callers of kind ${kinds.join(', ')}`
  if (wanted === undefined) return undefined
  const missing = Object.entries(wanted).find(
    ([label, value]) => !Object.hasOwn(connection.labels, label) || connection.labels[label] !== value,
  )
  return missing && `is for connections with the label ${missing.join('=')}`
}

interface Labelled {
  readonly labels: Readonly<Record<string, string>>
}

export interface Hindrance {
  readonly because: string
  /** Only the time is in the way. */
  readonly closed?: true
}

/** Whether anything is asked for that may hold today and not tomorrow, or for one caller and not for another. */
export function isUnconditional({ kinds, labels: wanted, during, atMost }: Circumstances): boolean {
  return kinds === undefined && wanted === undefined && during === undefined && atMost === undefined
}

/** As people wrote it, for what is shown and hashed; only what is there. */
export function describeCircumstances({ kinds, labels: wanted, during, atMost }: Circumstances) {
  return {
    ...(kinds && { kinds: [...kinds].sort() }),
    ...(wanted && { labels: wanted }),
    ...(during && { during: during.map(({ text }) => text).sort() }),
    ...(atMost && { atMost: atMost.text }),
  }
}
