import type { AccountLink, AccountLinkStore, ChatAccount, LinkOffer } from '../approvals/linkPorts.ts'

/** Links of chat accounts that end with the process. */
export function memoryLinks(): AccountLinkStore {
  const links = new Map<string, AccountLink>()
  const offers = new Map<string, LinkOffer>()
  const keyOf = ({ realm, user }: Pick<ChatAccount, 'realm' | 'user'>) => JSON.stringify([realm, user])
  const byKey = (key: string) => [...offers.values()].find((offer) => offer.key === key)
  return {
    async saveOffer(offer) {
      offers.set(keyOf(offer.account), structuredClone(offer))
    },
    async findOffer(key) {
      return structuredClone(byKey(key))
    },
    async offerOf(account) {
      return structuredClone(offers.get(keyOf(account)))
    },
    async changeOffer(key, change) {
      const found = byKey(key)
      const changed = found && change(structuredClone(found))
      if (changed !== undefined) offers.set(keyOf(changed.account), structuredClone(changed))
      return changed
    },
    async saveLink(link, offerKey) {
      if (offers.get(keyOf(link.account))?.key !== offerKey) return false
      offers.delete(keyOf(link.account))
      links.set(keyOf(link.account), structuredClone(link))
      return true
    },
    async findLink(account) {
      return structuredClone(links.get(keyOf(account)))
    },
    async linksOf(person) {
      return structuredClone([...links.values()].filter((link) => link.person.person === person))
    },
    async removeLink(account, of) {
      const found = links.get(keyOf(account))
      if (of !== undefined && found?.person.person !== of) return undefined
      links.delete(keyOf(account))
      offers.delete(keyOf(account))
      return found
    },
  }
}
