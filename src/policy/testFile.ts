import * as z from 'zod'
import type { Decision, Operation } from '../call.ts'
import { describedCaller } from './describedCaller.ts'
import { isInVocabulary } from './operationPattern.ts'
import { ACTIONS, type JudgedTool, name } from './settings.ts'

const fact = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])

const writtenOperation = z.union([
  z.string().min(1),
  z.strictObject({
    operation: z.string().min(1),
    facts: z.record(z.string(), fact).default({}),
    floor: z.enum(['deny', 'require-approval']).optional(),
  }),
])

export const MOMENT = 'a time with its offset from UTC, such as 2026-11-20T22:00:00+01:00'
/** A moment as people write it, read as milliseconds since 1970. */
export const moment = z.iso.datetime({ offset: true, error: MOMENT }).transform((text) => Date.parse(text))

const expectation = z.union([
  z.enum(ACTIONS),
  z.strictObject({
    action: z.enum(ACTIONS),
    policy: name.optional(),
    /** Name of the rule, or its number. */
    rule: z.union([z.string(), z.int().transform(String)]).optional(),
    /** Stable word of a verdict: rule-matched, no-rule-matched, groups-unknown, ... */
    reason: z.string().optional(),
    reviewers: z.array(name).optional(),
    maxRows: z.int().optional(),
  }),
])

/** A `*.test.yaml`: calls by described callers, and the decision that policy must give. */
export const policyTestFile = z.strictObject({
  /** The configuration whose policies are tested, relative to this file. */
  config: z.string().min(1),
  callers: z.record(name, describedCaller),
  tests: z
    .array(
      z
        .strictObject({
          name: z.string().min(1),
          /** One of `callers`. */
          caller: name,
          connection: name,
          /** Needed when the connection has more than one tool. */
          tool: z.string().optional(),
          /** What the tool would report, or ... */
          operations: z.array(writtenOperation).min(1).optional(),
          /** ... arguments of the call, for the tool itself to understand. `sql` is short for those of run_sql. */
          arguments: z.record(z.string(), z.unknown()).optional(),
          sql: z.string().optional(),
          /** The moment of the call, for rules with hours: 2026-11-20T22:00:00+01:00. Now, when it is not given. */
          at: moment.optional(),
          /** How often the caller has used rules with `atMost` before: `{ rule: 20 }`, or `{ policy/rule: 20 }`. */
          used: z.record(z.string(), z.int().min(0)).optional(),
          expect: expectation,
        })
        .refine((test) => [test.operations, test.arguments, test.sql].filter((way) => way !== undefined).length === 1, {
          message: 'expected exactly one of the keys operations, arguments, sql',
        }),
    )
    .min(1),
})

export type PolicyTest = z.infer<typeof policyTestFile>['tests'][number]

/** The operation as a tool would report it: members of a family are consequences, the others what the caller asked for. */
export function operationFrom(written: z.infer<typeof writtenOperation>): Operation {
  const given = typeof written === 'string' ? { operation: written, facts: {} } : written
  return {
    operation: given.operation,
    otherwise: given.operation.includes(':') ? 'require-approval' : 'deny',
    facts: given.facts,
    ...('floor' in given && given.floor !== undefined ? { floor: given.floor } : {}),
  }
}

/** A misspelt operation would be denied, and the test would pass for the wrong reason. */
export function isReportable(operation: string, tool: JudgedTool): boolean {
  return !operation.includes('*') && isInVocabulary(operation, tool.operations)
}

/** What is different from what the test expects; empty when it passes. */
export function compareDecision(expected: PolicyTest['expect'], decision: Decision): string[] {
  const wanted = typeof expected === 'string' ? { action: expected } : expected
  const differences: string[] = []
  if (decision.action !== wanted.action) differences.push(`expected ${wanted.action}, got ${decision.action}`)
  const deciding = decision.verdicts.filter(({ action }) => action === decision.action)
  for (const key of ['policy', 'rule', 'reason'] as const) {
    const value = wanted[key]
    if (value !== undefined && !deciding.some((verdict) => verdict[key] === value)) {
      const found = [...new Set(deciding.map((verdict) => verdict[key] ?? 'none'))].join(', ')
      differences.push(`expected ${key} ${value}, got ${found}`)
    }
  }
  const { approval } = decision
  if (wanted.reviewers !== undefined && !sameSet(wanted.reviewers, approval?.reviewers ?? [])) {
    differences.push(
      `expected reviewers ${wanted.reviewers.join(', ')}, got ${approval?.reviewers.join(', ') || 'none'}`,
    )
  }
  if (wanted.maxRows !== undefined && wanted.maxRows !== approval?.maxRows) {
    differences.push(`expected maxRows ${wanted.maxRows}, got ${approval?.maxRows ?? 'none'}`)
  }
  return differences
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item) => right.includes(item))
}
