/** An account in a chat. `realm`: the workspace or organisation within which `user` is unique for good. */
export interface ChatAccount {
  readonly realm: string
  readonly user: string
  /** For display only: people choose it. */
  readonly name: string | undefined
}

/** A person of the directory, as a verified login named them. */
export interface LinkedPerson {
  /** provider + tenant + subject. */
  readonly person: string
  readonly provider: string
  readonly subject: string
  /** For display only. */
  readonly name: string | undefined
}

/** Clicks of the account are the person's. */
export interface AccountLink {
  readonly account: ChatAccount
  readonly person: LinkedPerson
  readonly linkedAt: number
}

/** A link that somebody began. One an account. */
export interface LinkOffer {
  readonly account: ChatAccount
  /** SHA-256 of the token in the address: who reads the store cannot use it. */
  readonly key: string
  readonly expiresAt: number
  /** Set by the person who confirmed; `code` is the SHA-256 of what the account must type. */
  readonly claim: { readonly person: LinkedPerson; readonly code: string; readonly tries: number } | undefined
}

type Account = Pick<ChatAccount, 'realm' | 'user'>

/** Durable, and atomic against other processes on the same store. */
export interface AccountLinkStore {
  /** In the place of an earlier offer of this account. */
  saveOffer(offer: LinkOffer): Promise<void>
  findOffer(key: string): Promise<LinkOffer | undefined>
  offerOf(account: Account): Promise<LinkOffer | undefined>
  /** Applies a pure change; undefined, and nothing changed, when there is no such offer or the change refuses. */
  changeOffer(key: string, change: (offer: LinkOffer) => LinkOffer | undefined): Promise<LinkOffer | undefined>
  /** In the place of an earlier link of this account, and uses up the offer. False when the offer is gone. */
  saveLink(link: AccountLink, offerKey: string): Promise<boolean>
  findLink(account: Account): Promise<AccountLink | undefined>
  linksOf(person: string): Promise<readonly AccountLink[]>
  /** Removes the link and any offer of the account. `of`: only when it is the link of this person. */
  removeLink(account: Account, of?: string): Promise<AccountLink | undefined>
}
