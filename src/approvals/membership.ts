import type { Groups } from '../call.ts'
import { sameCase } from '../settings/sameCase.ts'
import type { ApprovalRules } from './settings.ts'

/** A person whose reviewer login was verified. Agents cannot hold one. */
export interface Reviewer {
  /** provider + tenant + subject, as in `Caller.person`. */
  readonly person: string
  readonly subject: string
  /** For display only. */
  readonly name: string | undefined
  readonly provider: string
  /** As they were when the issuer wrote the token. */
  readonly groups: Groups
  /** When that was; milliseconds since 1970. How old a login may be is identity's question. */
  readonly issuedAt: number
}

/** Asks the directory which of these groups the person is in now. */
export type LookUpGroups = (reviewer: Reviewer, groupIds: readonly string[]) => Promise<readonly string[]>

/** How long the groups in a token are believed. Somebody taken out of a group must not vote for the rest of the day. */
const TOKEN_GROUPS_MS = 5 * 60_000

/** Clocks of the issuer and this machine may differ by this much. */
const SKEW_MS = 60_000

export type Membership =
  | { readonly known: true; readonly sets: readonly string[] }
  /** Neither listed by name, nor could groups be established. A refusal, never a guess. */
  | { readonly known: false }

/** Which of the named reviewer sets the person belongs to at this moment. */
export async function membershipOf(
  reviewer: Reviewer,
  setNames: readonly string[],
  rules: ApprovalRules,
  now: number,
  lookUp: LookUpGroups | undefined,
): Promise<Membership> {
  const sets = setNames.flatMap((name) => {
    const set = rules.sets.get(name)
    return set === undefined ? [] : [{ name, set }]
  })
  const byName = sets.filter(({ set }) => isListed(reviewer, set.people)).map(({ name }) => name)
  const open = sets.filter(({ name, set }) => !byName.includes(name) && set.groupIds.length > 0)
  if (open.length === 0) return { known: true, sets: byName }

  const wanted = [...new Set(open.flatMap(({ set }) => set.groupIds))]
  const groups = await groupsNow(reviewer, wanted, now, lookUp)
  if (groups === undefined) return byName.length > 0 ? { known: true, sets: byName } : { known: false }
  const held = groups.map(sameCase)
  const byGroup = open
    .filter(({ set }) => set.groupIds.some((id) => held.includes(sameCase(id))))
    .map(({ name }) => name)
  return { known: true, sets: [...byName, ...byGroup] }
}

function isListed(reviewer: Reviewer, people: readonly string[]): boolean {
  const listed = people.map(sameCase)
  return listed.includes(sameCase(reviewer.subject)) || listed.includes(sameCase(reviewer.person))
}

async function groupsNow(
  reviewer: Reviewer,
  wanted: readonly string[],
  now: number,
  lookUp: LookUpGroups | undefined,
): Promise<readonly string[] | undefined> {
  const age = now - reviewer.issuedAt
  if (reviewer.groups.known && age < TOKEN_GROUPS_MS && age > -SKEW_MS) return reviewer.groups.ids
  if (lookUp === undefined) return undefined
  try {
    return await lookUp(reviewer, wanted)
  } catch {
    return undefined
  }
}
