import type { Caller, Groups } from '../call.ts'
import type { ReadSecret } from '../settings/secretReference.ts'
import { createGraphClient, type GraphClient } from './createGraphClient.ts'
import { FetchProblem } from './fetchJson.ts'
import { onlyPersonOf } from './onlyPersonOf.ts'
import type { EntraSettings, IdentitySettings } from './settings.ts'

/** How long a membership counts before it is asked for again. */
const MEMBERSHIP_TTL_MS = 5 * 60_000
/** How long a failure counts. Short, but long enough that an outage of Graph is not met once per call. */
const FAILURE_TTL_MS = 10_000
const MOST_MEMBERSHIPS = 5_000

type Member = Pick<Caller, 'provider' | 'subject' | 'kind' | 'groups'>

export interface GroupLookup {
  /**
   * The member's groups: from the directory where that is configured, else as the token had them. At most 5 minutes
   * old. Never throws; a failed lookup stays unknown.
   */
  groupsOf(member: Member): Promise<Groups>
  /** Which of these groups the person is in at this moment, past every cache: for votes. Rejects when nobody can say. */
  groupsNow(person: Pick<Caller, 'provider' | 'subject'>, groupIds: readonly string[]): Promise<readonly string[]>
  /**
   * The object id of the only user of this directory with the address, if it is a member whose account is enabled. Asked
   * anew each time. Rejects when nobody can say.
   */
  personWithAddress(provider: string, address: string): Promise<string | undefined>
  close(): void
}

interface LookupDependencies {
  readonly readSecret: ReadSecret
  readonly policyGroupIds: () => readonly string[]
  readonly now: () => number
}

/**
 * Looks up memberships that the token does not carry (overage; app-only tokens). Asks only about groups that policy
 * mentions, so the answer is complete for decisions and discloses least.
 */
export function createGroupLookup(
  settings: IdentitySettings,
  { readSecret, policyGroupIds, now }: LookupDependencies,
): GroupLookup {
  const closed = new AbortController()
  const clients = new Map(
    settings.flatMap((provider) =>
      hasGraph(provider)
        ? [[provider.name, createGraphClient(provider, { readSecret, now, signal: closed.signal })]]
        : [],
    ),
  )
  const answers = new Map<string, { readonly groups: Promise<Groups>; until: number }>()

  async function ask(client: GraphClient, member: Member, ids: readonly string[]): Promise<Groups> {
    try {
      const isApp = member.kind === 'app' || member.kind === 'agent'
      return { known: true, ids: await client.memberGroups(isApp ? 'servicePrincipals' : 'users', member.subject, ids) }
    } catch {
      return { known: false, why: 'lookup-failed' }
    }
  }

  return {
    async groupsOf(member) {
      const client = clients.get(member.provider)
      if (client === undefined) return member.groups
      const ids = directoryIds(policyGroupIds())
      if (ids.length === 0) return member.groups
      const key = JSON.stringify([member.provider, member.kind, member.subject, ids])
      const known = answers.get(key)
      if (known !== undefined && now() < known.until) return await known.groups
      // Entered before the answer is there, so that concurrent calls of one caller ask once.
      const entry = { groups: ask(client, member, ids), until: now() + MEMBERSHIP_TTL_MS }
      makeRoom(answers)
      answers.delete(key)
      answers.set(key, entry)
      const groups = await entry.groups
      if (!groups.known) entry.until = Math.min(entry.until, now() + FAILURE_TTL_MS)
      return groups
    },
    async groupsNow({ provider, subject }, groupIds) {
      const client = clients.get(provider)
      if (client === undefined) throw new FetchProblem('no directory is configured for this provider')
      return await client.memberGroups('users', subject, directoryIds(groupIds))
    },
    async personWithAddress(provider, address) {
      const client = clients.get(provider)
      if (client === undefined) throw new FetchProblem('no directory is configured for this provider')
      return await onlyPersonOf(address, client)
    },
    close: () => closed.abort(),
  }
}

function hasGraph(
  provider: IdentitySettings[number],
): provider is EntraSettings & { graph: NonNullable<EntraSettings['graph']> } {
  return provider.type === 'entra' && provider.graph !== undefined
}

/** Object ids in a stable order. Names from other providers' policies are not Graph's business. */
function directoryIds(ids: readonly string[]): readonly string[] {
  const guids = ids.map((id) => id.toLowerCase()).filter((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
  return [...new Set(guids)].sort()
}

function makeRoom(answers: Map<string, unknown>): void {
  if (answers.size < MOST_MEMBERSHIPS) return
  for (const oldest of answers.keys()) {
    answers.delete(oldest)
    return
  }
}
