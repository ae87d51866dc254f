import * as z from 'zod'
import { GateError } from '../errors.ts'
import { secretReference } from '../settings/secretReference.ts'
import { duration } from '../settings/units.ts'

const setName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'a name of letters, digits, dots, dashes, underscores')
const memberId = z.string().min(1).max(256)

const reviewerSet = z
  .strictObject({
    /** Names from `groups:`, or directory object ids. */
    groups: z.array(memberId).default([]),
    /** Object ids of people at the reviewers' identity provider. */
    people: z.array(memberId).default([]),
    /** How many different people must approve. */
    atLeast: z.int().min(1).max(20).default(1),
    /** Its members may see, in the console and on record, what is hidden in a request that waits for them. */
    mayReveal: z.boolean().default(false),
  })
  .refine((set) => set.groups.length > 0 || set.people.length > 0, {
    message: 'a reviewer set names at least one group or person; nobody could approve otherwise',
  })
  .refine((set) => set.groups.length > 0 || new Set(set.people).size >= set.atLeast, {
    path: ['atLeast'],
    message: 'more approvals are asked for than people are listed; nobody could approve',
  })

/** The `approvals:` part of countersign.yaml. `reviewerApp` belongs to identity; config composes both. */
export const approvalsSettings = z
  .strictObject({
    store: z.strictObject({ sqlite: z.string().min(1) }),
    /** How long a call waits inside the request. Under 60 s, because that is where real clients begin to give up. */
    inlineWait: duration.default(45_000),
    ttl: duration.default(4 * 3_600_000),
    claimWithin: duration.default(3_600_000),
    /** How long closed requests stay in the store, for history and statistics. The trail keeps everything. */
    keepClosed: duration.default(90 * 86_400_000),
    digestKey: secretReference.optional(),
    maxPendingPerCaller: z.int().min(1).max(1000).default(5),
    /** Agent or app object id -> object ids of the people who answer for it, and so may not approve for it. */
    owners: z.record(memberId, z.array(memberId)).default({}),
    defaultReviewers: setName.optional(),
    /** A request that nobody has decided after so long moves to another reviewer set. Rules may say otherwise. */
    escalation: z.strictObject({ after: duration, to: setName }).optional(),
    /** The built-in pages under /console. They log in through `reviewerApp`. */
    console: z
      .strictObject({
        enabled: z.boolean(),
        /** Of the reviewer app, when its registration is a confidential client (Entra: platform Web). */
        clientSecret: secretReference.optional(),
        /** What the login asks for, when it is not openid, offline_access and the reviewer app's scope. */
        scopes: z
          .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'one OAuth scope'))
          .min(1)
          .optional(),
      })
      .optional(),
    reviewers: z.record(setName, reviewerSet).default({}),
  })
  .refine((all) => all.keepClosed >= 86_400_000, {
    path: ['keepClosed'],
    message: 'must be at least 1d: results are kept for so long, and denials are remembered',
  })
  .refine((all) => all.ttl > 0 && all.claimWithin > 0, { message: 'ttl and claimWithin must be longer than nothing' })
  .refine((all) => all.defaultReviewers === undefined || Object.hasOwn(all.reviewers, all.defaultReviewers), {
    path: ['defaultReviewers'],
    message: 'names a reviewer set that `reviewers` does not define',
  })
  .refine((all) => all.escalation === undefined || Object.hasOwn(all.reviewers, all.escalation.to), {
    path: ['escalation', 'to'],
    message: 'names a reviewer set that `reviewers` does not define',
  })
  .refine((all) => all.escalation === undefined || all.escalation.after > 0, {
    path: ['escalation', 'after'],
    message: 'must be longer than nothing',
  })

export type ApprovalsSettings = z.infer<typeof approvalsSettings>

/** A reviewer set with its groups as directory ids, as tokens carry them. */
interface ReviewerSet {
  readonly groupIds: readonly string[]
  readonly people: readonly string[]
  readonly atLeast: number
  readonly mayReveal?: boolean
}

/** What the approvals stage works with: the settings, resolved. Times in milliseconds. */
export interface ApprovalRules {
  readonly inlineWaitMs: number
  readonly ttlMs: number
  readonly claimWithinMs: number
  readonly maxPendingPerCaller: number
  readonly owners: ReadonlyMap<string, readonly string[]>
  readonly defaultReviewers: string | undefined
  readonly escalation?: { readonly afterMs: number; readonly to: string } | undefined
  readonly sets: ReadonlyMap<string, ReviewerSet>
}

const OBJECT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Resolves group names through the `groups:` section. A name that is neither listed there nor an object id is a
 * misspelling that would silently make a set smaller: ERR_CONFIG.
 */
export function resolveApprovalRules(
  settings: ApprovalsSettings,
  groupIds: Readonly<Record<string, string>>,
): ApprovalRules {
  const sets = new Map<string, ReviewerSet>()
  for (const [name, set] of Object.entries(settings.reviewers)) {
    const ids = set.groups.map((group) => {
      if (Object.hasOwn(groupIds, group)) return groupIds[group] ?? group
      if (OBJECT_ID.test(group)) return group
      throw new GateError('ERR_CONFIG', {
        detail: `approvals.reviewers.${name}.groups: "${group}" is not defined under groups and is not an object id.`,
      })
    })
    sets.set(name, { groupIds: ids, people: set.people, atLeast: set.atLeast, mayReveal: set.mayReveal })
  }
  return {
    inlineWaitMs: settings.inlineWait,
    ttlMs: settings.ttl,
    claimWithinMs: settings.claimWithin,
    maxPendingPerCaller: settings.maxPendingPerCaller,
    owners: new Map(Object.entries(settings.owners)),
    defaultReviewers: settings.defaultReviewers,
    escalation: settings.escalation && { afterMs: settings.escalation.after, to: settings.escalation.to },
    sets,
  }
}
