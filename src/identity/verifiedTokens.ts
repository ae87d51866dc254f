import { hash } from 'node:crypto'
import type { Caller } from '../call.ts'
import { GateError } from '../errors.ts'
import { CLOCK_SKEW_MS } from './checkTimes.ts'
import type { SigningKey } from './keySource.ts'
import type { Issuer } from './openIssuers.ts'

/** About 2 KB each. More callers than this are verified afresh, which costs a quarter of a millisecond. */
const MOST_TOKENS = 2_000

interface VerifiedToken {
  readonly caller: Caller
  readonly issuer: Issuer
  readonly kid: string
  readonly key: SigningKey
}

interface VerifiedTokens {
  /**
   * The caller of a token that was verified before, unless its key is no longer the provider's key of that name. Throws
   * ERR_TOKEN_EXPIRED, or what the key source throws.
   */
  recall(token: string, now: number): Promise<Caller | undefined>
  remember(token: string, verified: VerifiedToken): void
}

/**
 * Remembers tokens that passed, by SHA-256 over the whole token, so that the signature is checked once per token and
 * not once per call. Expiry and key are checked each time. Refusals are not remembered.
 */
export function createVerifiedTokens(): VerifiedTokens {
  const tokens = new Map<string, VerifiedToken>()
  return {
    async recall(token, now) {
      const hash = hashOf(token)
      const found = tokens.get(hash)
      if (found === undefined) return undefined
      if (now >= found.caller.expiresAt.getTime() + CLOCK_SKEW_MS) {
        tokens.delete(hash)
        throw new GateError('ERR_TOKEN_EXPIRED')
      }
      if ((await found.issuer.keys.find(found.kid)) !== found.key) {
        tokens.delete(hash)
        return undefined
      }
      return found.caller
    },
    remember(token, verified) {
      if (tokens.size >= MOST_TOKENS) {
        for (const oldest of tokens.keys()) {
          tokens.delete(oldest)
          break
        }
      }
      tokens.set(hashOf(token), verified)
    },
  }
}

function hashOf(token: string): string {
  return hash('sha256', token, 'base64url')
}
