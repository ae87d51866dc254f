import * as z from 'zod'
import { callerFields, id, maskedFields, maskedText, moment } from './fields.ts'

const approval = { approval: id, call: id.optional(), session: id.optional() }

/** The person who acts on an approval, by the ids that were verified, and the surface they used. */
const actor = {
  by: z.strictObject({
    provider: z.string().optional(),
    tid: z.string().optional(),
    oid: z.string(),
    name: z.string().optional(),
  }),
  via: z.enum(['api', 'cli', 'console', 'slack', 'webhook', 'email', 'demo']),
}

/** The life of an approval. */
export const approvalEvents = [
  z.strictObject({
    event: z.literal('approval.requested'),
    ...approval,
    caller: callerFields.optional(),
    tool: z.string(),
    connection: z.string().optional(),
    request: maskedFields.optional(),
    digest: z.string(),
    reviewers: z.array(z.string()).readonly(),
    preview: z.array(maskedText).readonly().optional(),
    /** The agent's own words, unverified. */
    reason: maskedText.optional(),
    expires_at: moment.optional(),
    /** A reviewer wrote it: whose place it takes, and who. */
    instead_of: id.optional(),
    author: actor.by.optional(),
  }),
  z.strictObject({ event: z.literal('approval.delivered'), ...approval, via: actor.via, to: z.string().optional() }),
  /** One vote that counted; `state` is what the approval is after it (`pending` while votes are missing). */
  z.strictObject({
    event: z.literal('approval.decided'),
    ...approval,
    ...actor,
    vote: z.enum(['approve', 'deny']),
    state: z.enum(['pending', 'approved', 'denied']),
    digest: z.string().optional(),
    reason: maskedText.optional(),
  }),
  /** One vote that did not count, and why: not a reviewer, the caller's own person, already decided. */
  z.strictObject({
    event: z.literal('approval.vote_refused'),
    ...approval,
    by: actor.by.optional(),
    via: actor.via,
    vote: z.enum(['approve', 'deny', 'modify', 'reveal']).optional(),
    code: z.string(),
  }),
  /** A reviewer wrote another request in its place: `to`. Nothing of this one can run any more. */
  z.strictObject({
    event: z.literal('approval.modified'),
    ...approval,
    ...actor,
    to: id,
    digest: z.string().optional(),
    reason: maskedText.optional(),
  }),
  /** Somebody was shown what is hidden in it; written before it was shown. The values are nowhere. */
  z.strictObject({
    event: z.literal('approval.revealed'),
    ...approval,
    ...actor,
    digest: z.string(),
    reason: maskedText.optional(),
  }),
  z.strictObject({ event: z.literal('approval.expired'), ...approval, why: z.enum(['ttl', 'claim']) }),
  z.strictObject({ event: z.literal('approval.withdrawn'), ...approval, reason: maskedText.optional() }),
  z.strictObject({ event: z.literal('approval.escalated'), ...approval, to: z.string() }),
] as const
