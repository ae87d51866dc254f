import { GateError } from '../errors.ts'
import type { Claims } from './peekToken.ts'
import type { ProviderSettings } from './settings.ts'

/** How far the clocks of issuer and gateway may differ. */
export const CLOCK_SKEW_MS = 60_000

/** Longest `exp - iat` of real Entra tokens: 28 h for clients that can handle continuous access evaluation. */
const LONGEST_ENTRA_LIFETIME_MS = 28 * 3_600_000

/**
 * `exp` and `iat` are needed from everyone, `nbf` from Entra; all are whole seconds (RFC 7519 section 2). Throws
 * ERR_TOKEN_CLAIMS, ERR_TOKEN_LIFETIME, ERR_TOKEN_EXPIRED or ERR_TOKEN_NOT_YET_VALID.
 */
export function checkTimes(claims: Claims, provider: ProviderSettings, now: number): void {
  const expires = secondsAsMs(claims, 'exp')
  const issued = secondsAsMs(claims, 'iat')
  const notBefore = provider.type === 'entra' || claims.nbf !== undefined ? secondsAsMs(claims, 'nbf') : issued
  const longest = provider.type === 'entra' ? LONGEST_ENTRA_LIFETIME_MS : provider.maxLifetime
  if (expires <= issued || expires - issued > longest) throw new GateError('ERR_TOKEN_LIFETIME')
  if (now >= expires + CLOCK_SKEW_MS) throw new GateError('ERR_TOKEN_EXPIRED')
  if (now < notBefore - CLOCK_SKEW_MS || now < issued - CLOCK_SKEW_MS) throw new GateError('ERR_TOKEN_NOT_YET_VALID')
}

/** A NumericDate as milliseconds. Throws ERR_TOKEN_CLAIMS naming the claim. */
export function secondsAsMs(claims: Claims, name: string): number {
  const value = claims[name]
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new GateError('ERR_TOKEN_CLAIMS', { detail: `Missing or not usable: ${name}.` })
  }
  return value * 1000
}
