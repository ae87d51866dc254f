import * as z from 'zod'
import { duration } from '../settings/units.ts'
import type { Tool } from '../tools/tool.ts'
import { rate } from './rate.ts'
import { timeWindow } from './timeWindow.ts'

/** What policy needs to know about a tool: no more, so that tests can write one down. */
export type JudgedTool = Pick<Tool, 'name' | 'connectionType' | 'operations' | 'match'>

export const ACTIONS = ['allow', 'require-approval', 'deny'] as const
export const CALLER_KINDS = ['user', 'agent_on_behalf_of_user', 'agent_user', 'agent', 'app'] as const

/** The name of a policy, rule, group alias, connection or reviewer set. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/, 'a name of letters, digits, ".", "_" and "-", at most 80 characters')

const labels = z
  .record(name, z.string())
  .refine((given) => Object.keys(given).length > 0, 'name at least one label: no label would mean every connection')
const selector = z.union([name, z.strictObject({ labels })])

const subjects = z.strictObject({
  groups: z.array(name).optional(),
  apps: z.array(z.string().min(1)).optional(),
  roles: z.array(z.string().min(1)).optional(),
  callers: z.array(z.string().min(1)).optional(),
  kinds: z.array(z.enum(CALLER_KINDS)).min(1).optional(),
  providers: z.array(name).min(1).optional(),
})

const approval = z.strictObject({
  reviewers: z.union([name, z.array(name).min(1)]).optional(),
  ttl: duration.optional(),
  preview: z.enum(['required', 'wanted']).optional(),
  maxRows: z.int().min(1).optional(),
  reason: z.enum(['required', 'optional']).optional(),
  escalation: z
    .union([
      z.literal('none'),
      z.strictObject({ after: duration.refine((ms) => ms > 0, 'must be longer than nothing'), to: name }),
    ])
    .optional(),
})

const operations = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])

/** The keys of `match` that the rules of every tool may use; circumstances.ts says what they mean. */
const circumstances = {
  kinds: z.array(z.enum(CALLER_KINDS)).min(1).describe('kinds of callers').optional(),
  labels: labels.describe('labels that the connection has').optional(),
  during: z
    .union([timeWindow, z.array(timeWindow).min(1).max(20)])
    .describe('days and hours in a time zone, such as "mon-fri 08:00-18:00 Europe/Madrid", or a list of them')
    .optional(),
  atMost: rate.describe('how often for each caller, such as 20/h; not for deny rules').optional(),
}
export const CIRCUMSTANCES: readonly string[] = Object.keys(circumstances)

/** `match` in all its forms. Its mapping allows the keys of every tool; loading narrows that to the connections' tools. */
function match(matchKeys: readonly Tool['match'][]) {
  const keys = new Map<string, z.ZodType>()
  for (const known of matchKeys) {
    for (const [key, { schema, describe }] of Object.entries(known)) {
      if (CIRCUMSTANCES.includes(key)) throw new TypeError(`a tool cannot have the match key ${key}`)
      const other = keys.get(key)
      keys.set(key, other === undefined ? schema.describe(describe) : z.union([other, schema]))
    }
  }
  const optional = Object.fromEntries([...keys].map(([key, schema]) => [key, schema.optional()]))
  const mapping = { ...optional, ...circumstances, operation: operations.optional() }
  return z.union([operations, z.strictObject(mapping)])
}

/** A policy file: the short form and the long form are one schema. `matchKeys` are those of every tool. */
export function policyFile(matchKeys: readonly Tool['match'][]) {
  const rule = z.strictObject({
    name: name
      .refine((text) => !/^\d+$/.test(text), 'expected a name that is not a number: unnamed rules are known by theirs')
      .optional(),
    match: match(matchKeys),
    action: z.enum(ACTIONS),
    approval: approval.optional(),
    message: z.string().min(1).max(500).optional(),
  })
  return z.strictObject({
    policy: name,
    subjects: subjects.optional(),
    connection: name.optional(),
    connections: z.union([z.array(selector).min(1), z.strictObject({ labels })]).optional(),
    rules: z.array(rule).min(1),
    record: z.boolean().optional(),
  })
}

export type PolicyFile = z.infer<ReturnType<typeof policyFile>>
export type RuleSettings = PolicyFile['rules'][number]
