import * as z from 'zod'
import type { Json, MaskedText } from '../call.ts'

/** The kinds of values that trail records are made of. At run time they are plain; the brands act at compile time. */
export const id = z.string().min(1)
export const moment = z.iso.datetime()
export const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/)
export const json = z.unknown() as z.ZodType as z.ZodType<Json>

/** Text from a request, a result, a reason or a message: only masking can make it. */
export const maskedText = z.string() as z.ZodType as z.ZodType<MaskedText>
export const maskedFields = z.record(z.string(), maskedText).readonly()

/** The verified caller, ids first. `name` is for display. */
export const callerFields = z.strictObject({
  kind: z.enum(['user', 'agent_on_behalf_of_user', 'agent_user', 'agent', 'app']),
  provider: z.string(),
  tid: z.string().optional(),
  oid: z.string(),
  app: z.string(),
  name: z.string().optional(),
  person: z.string().optional(),
  /** Configured names where there is one, else directory ids. Absent when membership is unknown. */
  groups: z.array(z.string()).readonly().optional(),
  groups_unknown: z.enum(['overage', 'not-in-token', 'lookup-failed']).optional(),
  roles: z.array(z.string()).readonly().optional(),
  blueprint: z.string().optional(),
  /** Entra `uti`: joins the trail to the sign-in logs. */
  token: z.string().optional(),
})
export type CallerFields = z.infer<typeof callerFields>

/** What the client says about itself. Untrusted, cut to 200 characters each. */
export const agentFields = z.strictObject({
  name: z.string().optional(),
  version: z.string().optional(),
  conversation: z.string().optional(),
  traceparent: z.string().optional(),
})

/** Who called what: the head of every `call.*` and `approval.*` record. */
export const aboutCall = {
  call: id,
  session: id.optional(),
  caller: callerFields.optional(),
  agent: agentFields.optional(),
  tool: z.string(),
  connection: z.string().optional(),
}

/** One judged operation with its facts beside it: `{"operation":"DELETE","tables":["public.jobs"]}`. */
export const operationFields = z
  .object({
    operation: z.string(),
    otherwise: z.string().optional(),
    floor: z.string().optional(),
    because: z.string().optional(),
  })
  .catchall(z.union([z.string(), z.number(), z.boolean(), z.array(z.string()).readonly()]).optional())
export const operations = z.array(operationFields).readonly()

const answer = {
  action: z.enum(['allow', 'require-approval', 'deny']),
  policy: z.string().optional(),
  rule: z.string().optional(),
  source: z.string().optional(),
  /** Stable kebab-case: rule-matched, no-rule-matched, floor, groups-unknown, ... */
  reason: z.string().optional(),
}

/** The answer for the call, led by the verdict that decided it; `verdicts` has one entry per operation. */
export const decisionFields = z.strictObject({
  ...answer,
  policy_version: z.string(),
  verdicts: z.array(z.strictObject({ operation: z.string(), ...answer })).readonly(),
  approval: z
    .strictObject({
      reviewers: z.array(z.string()).readonly(),
      ttl_ms: z.int().optional(),
      preview: z.enum(['required', 'wanted']),
      max_rows: z.int().optional(),
      reason: z.enum(['required', 'optional']),
    })
    .optional(),
})
