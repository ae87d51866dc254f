import type { Caller } from '../call.ts'
import { GateError } from '../errors.ts'
import type { ReadSecret } from '../settings/secretReference.ts'
import { createGroupLookup, type GroupLookup } from './createGroupLookup.ts'
import type { KeyState } from './keySource.ts'
import { type Issuers, openIssuers } from './openIssuers.ts'
import type { Principal } from './principal.ts'
import { checkEntraShape, readEntraCaller } from './readEntraCaller.ts'
import { checkOidcShape, readOidcCaller } from './readOidcCaller.ts'
import type { IdentitySettings, ProviderSettings } from './settings.ts'
import { createVerifiedTokens } from './verifiedTokens.ts'
import { type VerifiedClaims, verifyClaims } from './verifyClaims.ts'

interface VerifierDependencies {
  /** Reads the client secret for group lookup. */
  readonly readSecret: ReadSecret
  /** The group ids that policy and reviewer sets mention now: nothing else is asked about. */
  readonly policyGroupIds: () => readonly string[]
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** Whether one provider's tokens can be verified now, and what is wrong; for /readyz and operators. */
interface ProviderState extends KeyState {
  readonly provider: string
}

export interface TokenVerifier {
  /** Verifies an access token for this gateway. Throws a GateError of the identity section, never anything else. */
  verify(token: string): Promise<Caller>
  /** Fetches keys where there are none. Never throws. */
  ready(): Promise<readonly ProviderState[]>
  close(): void
  /** For createReviewerVerifier, so that both share keys and group memberships. */
  readonly issuers: Issuers
  readonly groups: Pick<GroupLookup, 'groupsOf' | 'groupsNow' | 'personWithAddress' | 'personWithAddress'>
}

/** Verifies the tokens that agents call with. Starts no timers and fetches nothing before the first token. */
export function createTokenVerifier(
  settings: IdentitySettings,
  { readSecret, policyGroupIds, now = Date.now }: VerifierDependencies,
): TokenVerifier {
  const issuers = openIssuers(settings, now)
  const groups = createGroupLookup(settings, { readSecret, policyGroupIds, now })
  const verified = createVerifiedTokens()

  async function verifyAfresh(token: string): Promise<Caller> {
    const result = await verifyClaims(token, issuers, now())
    const principal = readPrincipal(result)
    checkAudience(result, result.issuer.audiences)
    checkPermission(principal, result.issuer.provider)
    verified.remember(token, { caller: principal.caller, issuer: result.issuer, kid: result.kid, key: result.key })
    return principal.caller
  }

  return {
    async verify(token) {
      const caller = (await verified.recall(token, now())) ?? (await verifyAfresh(token))
      if (caller.groups.known) return caller
      const found = await groups.groupsOf(caller)
      return found === caller.groups ? caller : { ...caller, groups: found }
    },
    ready: () =>
      Promise.all(
        [...issuers.values()].map(async ({ provider, keys }) => ({ provider: provider.name, ...(await keys.state()) })),
      ),
    close() {
      for (const { keys } of issuers.values()) keys.close()
      groups.close()
    },
    issuers,
    groups,
  }
}

/** Reads who a verified token is about. Throws when it is not an access token. */
export function readPrincipal({ claims, header, issuer: { provider } }: VerifiedClaims): Principal {
  if (provider.type === 'entra') {
    checkEntraShape(claims, provider)
    return readEntraCaller(claims, provider)
  }
  checkOidcShape(claims, header, provider)
  return readOidcCaller(claims, provider)
}

/** `aud` of a verified token, one string or a list (RFC 7519 section 4.1.3). */
export function audiencesIn({ claims: { aud } }: VerifiedClaims): readonly unknown[] {
  return [aud].flat()
}

function checkAudience(result: VerifiedClaims, audiences: readonly string[]): void {
  if (!audiencesIn(result).some((aud) => typeof aud === 'string' && audiences.includes(aud))) {
    throw new GateError('ERR_TOKEN_AUDIENCE')
  }
}

/**
 * Whether the token may call this gateway at all. Delegated tokens need the scope. App-only tokens need the app role,
 * because any application of a tenant can get a correctly signed token for any other.
 */
function checkPermission({ caller, scopes }: Principal, provider: ProviderSettings): void {
  const isApp = caller.kind === 'app' || caller.kind === 'agent'
  if (isApp && provider.requiredRole !== undefined && !caller.roles.includes(provider.requiredRole)) {
    throw new GateError(caller.roles.length === 0 ? 'ERR_ROLE_NONE' : 'ERR_ROLE_MISSING', {
      detail: `Required app role: ${provider.requiredRole}.`,
    })
  }
  // Entra app-only tokens have no scopes; elsewhere they do, and a role does not stand in for one.
  const needsScope = !(isApp && provider.type === 'entra')
  if (needsScope && provider.requiredScope !== undefined && !scopes.includes(provider.requiredScope)) {
    throw new GateError('ERR_SCOPE_MISSING', { detail: `Required scope: ${provider.requiredScope}.` })
  }
}
