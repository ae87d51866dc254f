import type { LinkDesk } from '../approvals/accountLinks.ts'
import type { Reviewer } from '../approvals/membership.ts'
import type { RevealDesk } from '../approvals/revealRequest.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import type { VerifyOptions } from '../audit/chainCheck.ts'
import type { ErrorCode } from '../errors.ts'

/** A person whose login was verified, and for how long that holds. */
export interface SignedIn extends Reviewer {
  /** When they logged in interactively; milliseconds since 1970. */
  readonly loginAt: number
  /** When the access token ends. */
  readonly expiresAt: Date
}

/** What a login or a renewal brought. The access token is verified by `verify` and then forgotten. */
export interface LoginTokens {
  readonly accessToken: string
  /** Renews the groups without anybody being there; the time of login stays. Undefined when the provider gives none. */
  readonly refreshToken: string | undefined
}

/** The identity provider, as the console uses it. Every failure is ERR_CONSOLE_LOGIN. */
export interface LoginClient {
  /** Where the browser must go. `fresh` makes the provider ask even somebody who is logged in there. */
  authorizationUrl(attempt: LoginAttempt, how: 'usual' | 'fresh'): Promise<URL>
  /** Redeems what came back to the redirect URI. */
  redeem(callback: URL, attempt: LoginAttempt): Promise<LoginTokens>
  /** `refused`: the provider will never renew this again. Other failures throw. */
  renew(refreshToken: string): Promise<LoginTokens | 'refused'>
}

export interface LoginAttempt {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** What the console needs from the rest of the gateway. */
export interface ConsoleParts {
  /** Scheme, host and port under which browsers reach the gateway. */
  readonly publicOrigin: string
  readonly login: LoginClient
  /** Verifies a token of the reviewer app exactly as the API does. Throws a GateError. */
  readonly verify: (token: string) => Promise<SignedIn>
  readonly desk: ReviewDesk
  /** Shows what is hidden in a request to who may see it, on record. */
  readonly reveal: RevealDesk
  /** Accounts in a chat that people link to themselves. Undefined: there are none. */
  readonly links: LinkDesk | undefined
  /** How long a login counts; milliseconds. */
  readonly maxLoginAge: number
  readonly trail: TrailParts
  /** Counts a refusal of somebody who is not signed in. */
  readonly countRefusal: (address: string, code: ErrorCode) => void
  /** Seconds to wait, 0 to go on. */
  readonly limitLogins: (address: string) => number
  readonly limitPages: (person: string) => number
  readonly onProblem: (error: unknown) => void
}

/** Where the trail is, and what proves it. */
export interface TrailParts {
  readonly dir: string
  readonly readProofs: () => Promise<VerifyOptions>
}
