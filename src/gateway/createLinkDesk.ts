import type { LinkDesk } from '../approvals/accountLinks.ts'
import type { AccountLink, AccountLinkStore, ChatAccount, LinkedPerson } from '../approvals/linkPorts.ts'
import type { Trail } from '../audit/trail.ts'

/** Links of Slack accounts to people, each on record before it has an effect. */
export function createLinkDesk(store: AccountLinkStore, trail: Trail, clock: () => number): LinkDesk {
  return {
    store,
    clock,
    async recordLinked({ person, account }, before) {
      await trail.append({
        event: 'reviewer.linked',
        reviewer: personFields(person),
        account: accountFields(account),
        instead_of: before && personFields(before.person),
      })
    },
    async recordUnlinked({ person, account }: AccountLink, via) {
      await trail.append({
        event: 'reviewer.unlinked',
        reviewer: personFields(person),
        account: accountFields(account),
        via,
      })
    },
  }
}

function personFields({ provider, subject, name }: LinkedPerson) {
  return { provider, oid: subject, name }
}

/** An account as the trail names it. */
export function accountFields({ realm, user, name }: ChatAccount) {
  return { provider: 'slack' as const, tid: realm, oid: user, name: name?.slice(0, 200) }
}
