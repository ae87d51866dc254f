import type { Caller, Groups } from '../call.ts'
import { GateError } from '../errors.ts'
import { secondsAsMs } from './checkTimes.ts'
import type { Claims } from './peekToken.ts'
import type { Principal } from './principal.ts'
import { displayName, joinKey, listOf, readClaim, requireIdentifier, scopesOf } from './readClaim.ts'
import type { OidcSettings } from './settings.ts'

/** Where providers put the client: OpenID Connect, RFC 9068, Okta. */
const CLIENT_PATHS = [['azp'], ['client_id'], ['cid']]
const SCOPE_PATHS = [['scope'], ['scp']]
const NAME_PATHS = [['preferred_username'], ['name'], ['email']]
/** Payload `typ` of Keycloak tokens that are not access tokens, and `token_use` of Cognito's. */
const OTHER_TOKENS = ['ID', 'Refresh', 'Offline', 'Logout', 'id']

/** Refuses ID, refresh and logout tokens, as far as providers mark them. Throws ERR_TOKEN_IS_ID_TOKEN. */
export function checkOidcShape(claims: Claims, header: Claims, settings: OidcSettings): void {
  const marked = [claims.typ, claims.token_use].some((mark) => OTHER_TOKENS.includes(String(mark)))
  if (marked || ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'].some((name) => name in claims)) {
    throw new GateError('ERR_TOKEN_IS_ID_TOKEN')
  }
  // An ID token is addressed to the client that asked for it and has no scope. RFC 9068 marks access tokens by `typ`.
  const isMarked = typeof header.typ === 'string' && /^(application\/)?at\+jwt$/i.test(header.typ)
  const client = clientOf(claims, settings)
  const scopes = scopesOf(readFirst(claims, settings.claims.scopes, SCOPE_PATHS))
  if (!isMarked && client !== undefined && scopes.length === 0 && [claims.aud].flat().includes(client)) {
    throw new GateError('ERR_TOKEN_IS_ID_TOKEN')
  }
}

/** Reads who calls, by the configured claim paths. Throws ERR_TOKEN_CLAIMS naming the path. */
export function readOidcCaller(claims: Claims, provider: OidcSettings): Principal {
  const paths = provider.claims
  const app = requireIdentifier(clientOf(claims, provider), `client (${nameOf(paths.client, CLIENT_PATHS)})`)
  const isAppOnly = [claims.gty]
    .flat()
    .some((grant) => grant === 'client-credentials' || grant === 'client_credentials')
  const actsForItself = isAppOnly || claims.sub === app || claims.sub === `${app}@clients`
  // A token without a user may lack the configured user claim: then it is about the client.
  const configured = readClaim(claims, paths.subject ?? ['sub'])
  const subject = requireIdentifier(
    configured === undefined && actsForItself ? app : configured,
    `subject (${nameOf(paths.subject, [['sub']])})`,
  )
  // Keycloak keeps this prefix for the accounts of clients; nobody with such a name is taken for a person.
  const isServiceAccount = String(claims.preferred_username).startsWith('service-account-')
  const caller: Caller = {
    key: joinKey(provider.name, undefined, subject, app),
    provider: provider.name,
    kind: actsForItself || isServiceAccount ? 'app' : 'user',
    tenant: undefined,
    subject,
    app,
    name: displayName(readFirst(claims, paths.name, NAME_PATHS)),
    groups: groupsOf(readClaim(claims, paths.groups ?? ['groups'])),
    roles: listOf(readClaim(claims, paths.roles ?? ['roles'])) ?? [],
    person:
      isAppOnly || subject === app || subject === `${app}@clients`
        ? undefined
        : joinKey(provider.name, undefined, subject),
    blueprint: undefined,
    tokenId: displayName(claims.jti),
    expiresAt: new Date(secondsAsMs(claims, 'exp')),
  }
  return { caller, scopes: scopesOf(readFirst(claims, paths.scopes, SCOPE_PATHS)) }
}

function clientOf(claims: Claims, { claims: { client } }: OidcSettings): unknown {
  return readFirst(claims, client, CLIENT_PATHS)
}

function readFirst(claims: Claims, configured: readonly string[] | undefined, usual: readonly string[][]): unknown {
  if (configured !== undefined) return readClaim(claims, configured)
  return usual.map((path) => readClaim(claims, path)).find((value) => value !== undefined)
}

function groupsOf(value: unknown): Groups {
  const ids = listOf(value)
  return ids === undefined ? { known: false, why: 'not-in-token' } : { known: true, ids }
}

function nameOf(configured: readonly string[] | undefined, usual: readonly string[][]): string {
  return configured?.join(' > ') ?? usual.map((path) => path.join(' > ')).join(' or ')
}
