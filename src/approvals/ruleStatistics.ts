import * as z from 'zod'
import type { Reviewer } from './membership.ts'
import type { AskingRule, RequestSummary } from './requestSummary.ts'
import type { ReviewDesk } from './reviewDesk.ts'
import { setsOf } from './reviewDesk.ts'

/** Over what time requests are counted. */
export const STATISTICS_WINDOWS = { '24h': 86_400_000, '7d': 7 * 86_400_000, '30d': 30 * 86_400_000 } as const
export type StatisticsWindow = keyof typeof STATISTICS_WINDOWS

/** By what rules are put in order, the most first. */
export const STATISTICS_ORDERS = ['asked', 'approved', 'denied', 'expired', 'time'] as const
export type StatisticsOrder = (typeof STATISTICS_ORDERS)[number]

/** What may be asked for. Anything else is a mistake, not a default. */
export const statisticsQuery = z.strictObject({
  since: z.enum(['24h', '7d', '30d']).default('7d'),
  by: z.enum(STATISTICS_ORDERS).default('asked'),
})

/** How often rules ask people, and what people answer. JSON for the API; times are ISO 8601. */
export interface RuleStatistics {
  readonly since: string
  readonly until: string
  readonly requests: number
  /** There were more requests than are counted: the oldest are left out. */
  readonly truncated: boolean
  readonly rules: readonly RuleLine[]
}

/** Counts of requests that one rule made wait. Those but `waiting` add up to the rest of `asked`. */
export interface RuleLine {
  readonly policy: string | null
  readonly rule: string | null
  /** Where the rule stood when it asked last. */
  readonly source: string | null
  /** What the gate asked about by itself, where no rule did: `function:*`. */
  readonly consequence: string | null
  readonly asked: number
  readonly waiting: number
  readonly approved: number
  readonly denied: number
  readonly expired: number
  readonly withdrawn: number
  readonly modified: number
  /** Of those that were decided or ran out: approved in percent. Null before there is one. */
  readonly approved_percent: number | null
  /** Until people decided; null when they decided nothing. */
  readonly median_seconds: number | null
  /** Different callers who asked. */
  readonly callers: number
}

/** What is read at most. */
const MOST_REQUESTS = 50_000

/**
 * Statistics of the requests that name a set the person belongs to: what they may not see is not counted for them
 * either. What a reviewer wrote in the place of a request is part of that request. Throws as `setsOf` does.
 */
export async function readRuleStatistics(
  reviewer: Reviewer,
  window: StatisticsWindow,
  desk: Pick<ReviewDesk, 'store' | 'rules' | 'lookUpGroups' | 'clock' | 'recordEvent'>,
  order: StatisticsOrder = 'asked',
): Promise<RuleStatistics> {
  const sets = await setsOf(reviewer, desk)
  const until = desk.clock()
  const since = until - STATISTICS_WINDOWS[window]
  const found = await desk.store.summariesSince(since, MOST_REQUESTS)
  const mine = found.filter(({ needs, written }) => !written && needs.some((set) => sets.includes(set)))
  return {
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    requests: mine.length,
    truncated: found.length === MOST_REQUESTS,
    rules: countByRule(mine).sort(BY[order]),
  }
}

/** One line a rule. `summaries` are newest first. */
function countByRule(summaries: readonly RequestSummary[]): RuleLine[] {
  const groups = new Map<string, { readonly asking: AskingRule; readonly requests: RequestSummary[] }>()
  for (const summary of summaries) {
    for (const asking of summary.rules) {
      const key = JSON.stringify([asking.policy, asking.rule, asking.consequence])
      const group = groups.get(key) ?? { asking, requests: [] }
      groups.set(key, group)
      group.requests.push(summary)
    }
  }
  return [...groups.values()].map(({ asking, requests }) => lineOf(asking, requests))
}

function lineOf({ policy, rule, source, consequence }: AskingRule, requests: readonly RequestSummary[]): RuleLine {
  const count = (outcome: RequestSummary['outcome']) => requests.filter((one) => one.outcome === outcome).length
  const [approved, denied, expired, modified] = [
    count('approved'),
    count('denied'),
    count('expired'),
    count('modified'),
  ]
  const answered = approved + denied + expired + modified
  const waits = requests.flatMap(({ createdAt, decidedAt }) => (decidedAt === undefined ? [] : [decidedAt - createdAt]))
  return {
    ...{ policy: policy ?? null, rule: rule ?? null, source: source ?? null, consequence: consequence ?? null },
    asked: requests.length,
    waiting: count('waiting'),
    ...{ approved, denied, expired, withdrawn: count('withdrawn'), modified },
    approved_percent: answered === 0 ? null : Math.round((approved / answered) * 100),
    median_seconds: medianSeconds(waits),
    callers: new Set(requests.map(({ callerKey }) => callerKey)).size,
  }
}

function medianSeconds(waits: readonly number[]): number | null {
  const sorted = [...waits].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return low === undefined || high === undefined ? null : Math.round((low + high) / 2000)
}

const named = ({ policy, rule, consequence }: RuleLine) => `${policy ?? '~'}/${rule ?? consequence ?? ''}`
const most = (of: (line: RuleLine) => number) => (a: RuleLine, b: RuleLine) =>
  of(b) - of(a) || b.asked - a.asked || (named(a) < named(b) ? -1 : 1)

const BY: Readonly<Record<StatisticsOrder, (a: RuleLine, b: RuleLine) => number>> = {
  asked: most(({ asked }) => asked),
  approved: most((line) => line.approved_percent ?? -1),
  denied: most(({ denied }) => denied),
  expired: most(({ expired }) => expired),
  time: most((line) => line.median_seconds ?? -1),
}
