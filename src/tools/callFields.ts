import * as z from 'zod'

/** Arguments that every tool has, in the same words: agents learn them once. */
export const connectionName = z
  .string()
  .min(1)
  .max(128)
  .describe('Name of a connection; list_connections tells which there are.')

export const reason = z
  .string()
  .max(2000)
  .optional()
  .describe('Why, in your words. Reviewers see it, marked as unverified.')

export const idempotencyKey = z
  .string()
  .min(1)
  .max(128)
  // Stores cut text at a NUL and repair half a character: two keys would be one.
  .refine((key) => key.isWellFormed() && !/\p{Cc}/u.test(key), 'text without control characters')
  .optional()
  .describe('For writes: the same key never runs twice; a repeated call gets the first one’s result.')
