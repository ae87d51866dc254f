import * as z from 'zod'
import { connectionName, idempotencyKey, reason } from '../callFields.ts'

const OID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** What an agent may ask for. Which of `commit`, `patch` and `delete` is given says what is meant; exactly one must be. */
export const input = z
  .strictObject({
    connection: connectionName,
    branch: z.string().min(1).max(256).describe('The branch to push to, such as feature/x. It may be new.'),
    commit: z
      .string()
      .regex(OID, 'a full commit id: 40 or 64 lower-case hex digits')
      .optional()
      .describe('Full id of a commit that you pushed with git to refs/heads/agent/<name> of the gateway.'),
    patch: z
      .string()
      .min(1)
      .max(512 * 1024)
      .refine((text) => text.isWellFormed() && !text.includes('\0'), 'text without NUL characters')
      .optional()
      .describe('Instead of commit: a unified diff (git diff) that becomes one commit on top of base.'),
    base: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe(
        'With patch: a branch of the repository or the full id of a commit on one. The branch itself when absent.',
      ),
    message: z
      .string()
      .min(1)
      .max(8_000)
      .refine((text) => text.isWellFormed() && text.trim() !== '' && !/[^\P{Cc}\n\t]/u.test(text), 'text')
      .optional()
      .describe('With patch: the message of the commit.'),
    force: z.boolean().default(false).describe('Whether commits may be taken off the branch. Needs a rule of its own.'),
    delete: z.literal(true).optional().describe('Instead of commit: deletes the branch. Needs a rule of its own.'),
    reason,
    idempotency_key: idempotencyKey,
  })
  .superRefine(({ commit, patch, base, message, force, delete: remove }, context) => {
    const say = (message: string) => context.addIssue({ code: 'custom', path: [], message })
    if ([commit, patch, remove].filter((given) => given !== undefined).length !== 1) {
      say('give exactly one of commit, patch and delete')
    }
    if ((patch === undefined) !== (message === undefined)) say('message belongs to patch, and patch needs one')
    if (patch === undefined && base !== undefined) say('base belongs to patch')
    if (force && commit === undefined) say('force belongs to commit')
  })

export type PushArguments = z.output<typeof input>
