import * as z from 'zod'

const person = z.strictObject({ provider: z.string().optional(), oid: z.string(), name: z.string().optional() })
/** An account in a chat, by the chat's own ids. */
const account = z.strictObject({
  provider: z.literal('slack'),
  tid: z.string(),
  oid: z.string(),
  name: z.string().optional(),
})

/** Who is who in the places where reviewers decide. */
export const reviewerEvents = [
  /** From now on clicks of this account are this person's. `instead_of`: whose they were. */
  z.strictObject({
    event: z.literal('reviewer.linked'),
    reviewer: person,
    account,
    instead_of: person.optional(),
  }),
  /** Neither configured nor linked: for the next minute clicks of this account are those of who has its address. */
  z.strictObject({
    event: z.literal('reviewer.matched'),
    reviewer: person,
    account,
    by: z.literal('email'),
  }),
  z.strictObject({
    event: z.literal('reviewer.unlinked'),
    reviewer: person,
    account,
    via: z.enum(['slack', 'console']),
  }),
] as const
