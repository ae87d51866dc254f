import type { Caller } from '../call.ts'
import { GateError } from '../errors.ts'
import { reviewerProviderOf } from './checkIdentitySettings.ts'
import { CLOCK_SKEW_MS, secondsAsMs } from './checkTimes.ts'
import { audiencesIn, readPrincipal, type TokenVerifier } from './createTokenVerifier.ts'
import { readClaim } from './readClaim.ts'
import type { ReviewerAppSettings } from './settings.ts'
import { type VerifiedClaims, verifyClaims } from './verifyClaims.ts'

/** A person who proved, with a fresh enough login, that they may be asked for a vote. Whether they may vote on *this* is for approvals. */
interface Reviewer
  extends Pick<
    Caller,
    'key' | 'provider' | 'tenant' | 'subject' | 'app' | 'name' | 'groups' | 'blueprint' | 'expiresAt'
  > {
  /** Comparable with `Caller.person`. */
  readonly person: string
  /** When they logged in interactively; milliseconds since 1970. */
  readonly loginAt: number
  /** When the issuer wrote the token, and so what `groups` says; milliseconds since 1970. */
  readonly issuedAt: number
}

export interface ReviewerVerifier {
  /** Throws a GateError of the identity section. */
  verify(token: string): Promise<Reviewer>
}

/**
 * Verifies the tokens that vote. They differ from the tokens that call tools in everything an agent could get hold of:
 * audience (the reviewer app), client (the reviewer app's own login, unless others are listed), scope, kind (a user,
 * with no agent acting), and an interactive login that is recent.
 *
 * The time of login is `auth_time` and nothing else: a refresh token gives fresh `iat`s for months without anybody
 * being there. Entra sends it when the optional claim is configured for the reviewer app.
 */
export function createReviewerVerifier(
  reviewerApp: ReviewerAppSettings,
  { issuers, groups: directory }: Pick<TokenVerifier, 'issuers' | 'groups'>,
  { now = Date.now }: { readonly now?: () => number } = {},
): ReviewerVerifier {
  const gatewayAudiences = [...issuers.values()].flatMap(({ audiences }) => audiences)
  const provider = reviewerProviderOf(
    [...issuers.values()].map((issuer) => issuer.provider),
    reviewerApp,
  )
  if (provider === undefined) throw new GateError('ERR_CONFIG', { detail: 'approvals.reviewerApp names no provider.' })
  if (gatewayAudiences.includes(reviewerApp.clientId)) {
    throw new GateError('ERR_CONFIG', { detail: 'approvals.reviewerApp is the gateway itself.' })
  }
  const clients = reviewerApp.clients ?? [reviewerApp.clientId]

  return {
    async verify(token) {
      const result = await verifyClaims(token, issuers, now())
      const { caller, scopes } = readPrincipal(result)
      const audiences = audiencesIn(result)
      if (gatewayAudiences.some((audience) => audiences.includes(audience))) {
        throw new GateError('ERR_REVIEWER_MCP_TOKEN')
      }
      if (result.issuer.provider !== provider || !audiences.includes(reviewerApp.clientId)) {
        throw new GateError('ERR_REVIEWER_AUDIENCE')
      }
      if (caller.kind !== 'user' || caller.person === undefined) throw new GateError('ERR_REVIEWER_KIND')
      if (!clients.includes(caller.app)) throw new GateError('ERR_REVIEWER_CLIENT')
      if (!scopes.includes(reviewerApp.requiredScope)) {
        throw new GateError('ERR_REVIEWER_SCOPE', { detail: `Required scope: ${reviewerApp.requiredScope}.` })
      }
      const loginAt = readLoginTime(result)
      if (now() - loginAt > reviewerApp.maxLoginAge) throw new GateError('ERR_REVIEWER_LOGIN_OLD')
      const { key, tenant, subject, app, name, groups, blueprint, expiresAt, person } = caller
      return {
        key,
        provider: caller.provider,
        tenant,
        subject,
        app,
        name,
        blueprint,
        expiresAt,
        person,
        groups: groups.known ? groups : await directory.groupsOf(caller),
        loginAt,
        issuedAt: secondsAsMs(result.claims, 'iat'),
      }
    },
  }
}

/** Milliseconds. A login after the token was issued, or in the future, is a wrong claim. */
function readLoginTime({ claims, issuer: { provider } }: VerifiedClaims): number {
  const path = provider.type === 'oidc' ? (provider.claims.loginTime ?? ['auth_time']) : ['auth_time']
  const seconds = readClaim(claims, path)
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) {
    throw new GateError('ERR_REVIEWER_LOGIN_UNKNOWN')
  }
  if (seconds * 1000 > secondsAsMs(claims, 'iat') + CLOCK_SKEW_MS) throw new GateError('ERR_REVIEWER_LOGIN_UNKNOWN')
  return seconds * 1000
}
