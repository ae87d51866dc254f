import { createHash, randomBytes, randomInt } from 'node:crypto'
import { GateError } from '../errors.ts'
import type { AccountLink, AccountLinkStore, ChatAccount, LinkedPerson, LinkOffer } from './linkPorts.ts'

/**
 * How a person proves that an account in a chat is theirs. Both sides have to act, because each can be led astray:
 *
 * 1. the account asks in the chat, and gets an address that works once, for ten minutes;
 * 2. the person opens it in the console, signed in, reads which account it is for, and confirms: this shows a code;
 * 3. the account types the code in the chat. Only now the link is there.
 *
 * Who sends somebody else an address gets nothing by a click on it: the code is on the screen of the person, and works
 * only in the account that asked.
 */
export interface LinkDesk {
  readonly store: AccountLinkStore
  readonly clock: () => number
  /** Durable in the trail when it resolves; before the link has any effect. */
  readonly recordLinked: (link: AccountLink, before: AccountLink | undefined) => Promise<void>
  readonly recordUnlinked: (link: AccountLink, via: 'slack' | 'console') => Promise<void>
}

const OFFER_MS = 10 * 60_000
/** Without letters that look like others, and fit for reading aloud to nobody. */
const ALPHABET = '23456789abcdefghjkmnpqrstuvwxyz'
const CODE_LENGTH = 8
/** With 40 bits of code, guessing is hopeless long before this; after it the account begins again. */
const MOST_TRIES = 5

/** A new offer in the place of an earlier one of this account. The token is nowhere but in the answer. */
export async function offerLink(
  account: ChatAccount,
  { store, clock }: LinkDesk,
): Promise<{ readonly token: string; readonly minutes: number }> {
  const token = randomBytes(32).toString('hex')
  await store.saveOffer({ account, key: hashOf(token), expiresAt: clock() + OFFER_MS, claim: undefined })
  return { token, minutes: OFFER_MS / 60_000 }
}

/** What the address is for, and whom the account is linked to now. Looking uses nothing up. Throws ERR_LINK_OFFER. */
export async function showOffer(
  token: string,
  { store, clock }: LinkDesk,
): Promise<{ readonly account: ChatAccount; readonly before: AccountLink | undefined }> {
  const offer = await store.findOffer(hashOf(token))
  if (offer === undefined || offer.claim !== undefined || clock() >= offer.expiresAt) {
    throw new GateError('ERR_LINK_OFFER')
  }
  return { account: offer.account, before: await store.findLink(offer.account) }
}

/** The person confirms, once. Answers the code to type in the chat. Throws ERR_LINK_OFFER. */
export async function claimOffer(
  token: string,
  person: LinkedPerson,
  { store, clock }: LinkDesk,
): Promise<{ readonly account: ChatAccount; readonly code: string }> {
  const code = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const claimed = await store.changeOffer(hashOf(token), (offer) =>
    offer.claim !== undefined || clock() >= offer.expiresAt
      ? undefined
      : { ...offer, claim: { person, code: hashOf(code), tries: 0 } },
  )
  if (claimed === undefined) throw new GateError('ERR_LINK_OFFER')
  return { account: claimed.account, code }
}

/** The account types the code. Throws ERR_LINK_CODE for a wrong, old or used one, and for one of another account. */
export async function redeemCode(
  account: Pick<ChatAccount, 'realm' | 'user'>,
  code: string,
  { store, clock, recordLinked, recordUnlinked }: LinkDesk,
): Promise<AccountLink> {
  const offered = await store.offerOf(account)
  const used = offered && (await store.changeOffer(offered.key, (offer) => tryCode(offer, hashOf(code), clock())))
  const claim = used?.claim
  if (used === undefined || claim === undefined || claim.code !== hashOf(code)) throw new GateError('ERR_LINK_CODE')
  const link = { account: used.account, person: claim.person, linkedAt: clock() }
  const before = await store.findLink(account)
  await recordLinked(link, before)
  const saved = await store.saveLink(link, used.key).catch(async (error: unknown) => {
    await recordUnlinked(link, 'slack')
    throw error
  })
  // Somebody began anew in between.
  if (!saved) {
    await recordUnlinked(link, 'slack')
    throw new GateError('ERR_LINK_CODE')
  }
  return link
}

/** Every attempt counts, and the right one is the last: typed twice at once, it works once. */
function tryCode(offer: LinkOffer, code: string, now: number): LinkOffer | undefined {
  const { claim } = offer
  if (claim === undefined || claim.tries >= MOST_TRIES || now >= offer.expiresAt) return undefined
  return { ...offer, claim: { ...claim, tries: claim.code === code ? MOST_TRIES : claim.tries + 1 } }
}

/** Ends a link, and any offer of the account. Undefined when there was none; `of`: only when it is this person's. */
export async function unlinkAccount(
  account: Pick<ChatAccount, 'realm' | 'user'>,
  via: 'slack' | 'console',
  { store, recordUnlinked }: LinkDesk,
  of?: string,
): Promise<AccountLink | undefined> {
  const removed = await store.removeLink(account, of)
  if (removed !== undefined) await recordUnlinked(removed, via)
  return removed
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
