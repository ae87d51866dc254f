import type { AccountLinkStore, ChatAccount } from '../approvals/linkPorts.ts'
import type { Trail } from '../audit/trail.ts'
import { GateError } from '../errors.ts'
import { joinKey } from '../identity/readClaim.ts'
import type { ProviderSettings } from '../identity/settings.ts'
import type { AccountLinks } from '../slack/identifyReviewer.ts'
import type { SlackSettings } from '../slack/settings.ts'
import { accountFields } from './createLinkDesk.ts'

/** How long a match by address counts: for as long as it takes to read a request and click again. */
const MATCH_TTL_MS = 60_000
const MOST_MATCHES = 1_000

/** Asks the directory who has an address. Rejects when nobody can say. */
export type PersonWithAddress = (provider: string, address: string) => Promise<string | undefined>

interface LinkParts {
  readonly provider: ProviderSettings
  readonly settings: Pick<SlackSettings, 'users' | 'linking' | 'matchEmail'>
  readonly store: Pick<AccountLinkStore, 'findLink'>
  readonly personWithAddress: PersonWithAddress
  readonly trail: Pick<Trail, 'append'>
  readonly clock: () => number
}

/**
 * The configured map; where it says nothing what people have linked themselves (people of this directory only); and
 * where there is no link either, and only when it is switched on, who has the address in the directory. A match is on
 * record before anything is done with it.
 */
export function openAccountLinks(parts: LinkParts): AccountLinks {
  const { provider, settings, store, personWithAddress, trail, clock } = parts
  const { users, linking, matchEmail } = settings
  const matches = new Map<string, { readonly person: string; readonly until: number }>()
  const isFixed = (user: string) => Object.hasOwn(users, user)

  async function match(account: ChatAccount, email: string): Promise<string | undefined> {
    const key = JSON.stringify([account.realm, account.user, email])
    const known = matches.get(key)
    if (known !== undefined && clock() < known.until) return known.person
    matches.delete(key)
    const until = clock() + MATCH_TTL_MS
    const person = await personWithAddress(provider.name, email).catch((cause) => {
      throw new GateError('ERR_SLACK_DIRECTORY', { cause })
    })
    if (person === undefined) return undefined
    await trail.append({
      event: 'reviewer.matched',
      reviewer: { provider: provider.name, oid: person },
      account: accountFields(account),
      by: 'email',
    })
    if (matches.size >= MOST_MATCHES) matches.clear()
    matches.set(key, { person, until })
    return person
  }

  return {
    isFixed,
    async findPerson(account, email) {
      if (isFixed(account.user)) return users[account.user]
      const link = linking ? await store.findLink(account) : undefined
      if (link !== undefined) {
        const { person, subject } = link.person
        return personKeyOf(provider, subject) === person ? subject : undefined
      }
      return matchEmail && email !== undefined ? await match(account, email) : undefined
    },
  }
}

/** As identity makes it from a token. */
export function personKeyOf(provider: ProviderSettings, subject: string): string {
  return joinKey(provider.name, provider.type === 'entra' ? provider.tenantId : undefined, subject)
}
