import * as z from 'zod'
import { aboutCall, decisionFields, id, json, maskedFields, maskedText, operations } from './fields.ts'

const digest = z.string().optional()

/** The life of a call. It ends in exactly one of refused, denied, deferred and finished (record.ts holds it to that). */
export const callEvents = [
  /** Turned back before a decision: arguments, unknown tool or connection, rate limit, revoked, not understood, bug. */
  z.strictObject({
    event: z.literal('call.refused'),
    ...aboutCall,
    address: z.string().optional(),
    request: maskedFields.optional(),
    operations: operations.optional(),
    digest,
    code: z.string(),
    message: maskedText.optional(),
  }),
  z.strictObject({
    event: z.literal('call.decided'),
    ...aboutCall,
    effect: z.enum(['read', 'write']).optional(),
    request: maskedFields,
    operations,
    digest,
    decision: decisionFields,
  }),
  /** Policy or people said no, or nobody said yes in time. */
  z.strictObject({
    event: z.literal('call.denied'),
    ...aboutCall,
    digest,
    approval: id.optional(),
    code: z.string(),
    message: maskedText.optional(),
  }),
  /** Answered with a pending approval; a later call collects it. */
  z.strictObject({ event: z.literal('call.deferred'), ...aboutCall, digest, approval: id }),
  /** The intent. Durable before the target is touched. */
  z.strictObject({
    event: z.literal('call.started'),
    ...aboutCall,
    digest,
    approval: id.optional(),
    max_rows: z.int().optional(),
  }),
  /** Durable before the change becomes permanent: what to ask the target by when the outcome is in doubt. */
  z.strictObject({ event: z.literal('call.committing'), call: id, outcome_ref: json }),
  z.strictObject({
    event: z.literal('call.finished'),
    ...aboutCall,
    digest,
    approval: id.optional(),
    /** `answered`: nothing ran at a target (a helper tool, a kept result). */
    status: z.enum(['executed', 'failed', 'unknown', 'answered']),
    code: z.string().optional(),
    message: maskedText.optional(),
    rows: z.int().optional(),
    rows_changed: z.int().optional(),
    truncated: z.boolean().optional(),
    /** UTF-8 bytes of the masked output as JSON. */
    bytes: z.int().optional(),
    duration_ms: z.number().optional(),
    masked: z
      .array(z.strictObject({ where: z.string(), why: z.string(), count: z.int() }))
      .readonly()
      .optional(),
    output_sha256: z.string().optional(),
    /** The masked output itself, when the policy says `record: true`. */
    output: json.optional(),
    outcome_ref: json.optional(),
    /** Closed at a later start, because the process that ran the call did not live to do it. */
    recovered: z.literal(true).optional(),
  }),
] as const
