import type { Caller, CallerKind, Groups } from '../call.ts'
import { GateError } from '../errors.ts'
import { secondsAsMs } from './checkTimes.ts'
import type { Claims } from './peekToken.ts'
import type { Principal } from './principal.ts'
import { displayName, joinKey, listOf, requireIdentifier, scopesOf } from './readClaim.ts'
import type { EntraSettings } from './settings.ts'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Facets of Entra Agent ID: an agent identity, and an agent's own user account. Other numbers mean nothing to us. */
const AGENT_IDENTITY = '11'
const AGENT_USER = '13'

/**
 * Whether these are the claims of a v2 access token of the configured tenant. An ID token of the same app registration
 * has the same `iss` and `aud`; what gives it away is a `nonce` or hash, or that no client (`azp`) is named.
 */
export function checkEntraShape(claims: Claims, { tenantId }: EntraSettings): void {
  if (claims.ver === '1.0' || 'appid' in claims) throw new GateError('ERR_TOKEN_VERSION')
  if (typeof claims.tid === 'string' && claims.tid.toLowerCase() !== tenantId) throw new GateError('ERR_TOKEN_TENANT')
  if (['nonce', 'at_hash', 'c_hash'].some((name) => name in claims) || !('azp' in claims)) {
    throw new GateError('ERR_TOKEN_IS_ID_TOKEN')
  }
  if (claims.ver !== '2.0') throw missing('ver')
}

/** Reads who calls. Throws ERR_TOKEN_CLAIMS, ERR_TOKEN_SUBJECT_TYPE or ERR_TOKEN_KIND_UNCLEAR. */
export function readEntraCaller(claims: Claims, provider: EntraSettings): Principal {
  const tenant = requireGuid(claims, 'tid')
  const subject = requireGuid(claims, 'oid')
  const app = requireGuid(claims, 'azp')
  requireIdentifier(claims.sub, 'sub')
  // Agent tokens may carry `/` where there is no scope.
  const scopes = scopesOf(claims.scp).filter((scope) => scope !== '/')
  const kind = kindOf(claims, scopes)
  const isUserAccount = kind !== 'app' && kind !== 'agent'
  const caller: Caller = {
    key: joinKey(provider.name, tenant, subject, app),
    provider: provider.name,
    kind,
    tenant,
    subject,
    app,
    name: displayName(claims.preferred_username) ?? displayName(claims.name),
    groups: groupsOf(claims),
    roles: listOf(claims.roles) ?? [],
    // Set for an agent's own user account too: whoever logs in with it must not approve what it asks for.
    person: isUserAccount ? joinKey(provider.name, tenant, subject) : undefined,
    blueprint:
      typeof claims.xms_par_app_azp === 'string' ? displayName(claims.xms_par_app_azp)?.toLowerCase() : undefined,
    tokenId: displayName(claims.uti),
    expiresAt: new Date(secondsAsMs(claims, 'exp')),
  }
  return { caller, scopes }
}

function kindOf(claims: Claims, scopes: readonly string[]): CallerKind {
  const { idtyp } = claims
  if (idtyp !== undefined && idtyp !== 'app' && idtyp !== 'user') throw new GateError('ERR_TOKEN_SUBJECT_TYPE')
  const actor = facetsOf(claims.xms_act_fct)
  const subject = facetsOf(claims.xms_sub_fct)
  // A blueprint is named in agent tokens only, so it counts even where the optional facets are not configured.
  const agentActs = actor.has(AGENT_IDENTITY) || claims.xms_par_app_azp !== undefined
  if (idtyp === 'app') {
    if (scopes.length > 0) throw new GateError('ERR_TOKEN_KIND_UNCLEAR')
    return agentActs || subject.has(AGENT_IDENTITY) || subject.has(AGENT_USER) ? 'agent' : 'app'
  }
  // A missing scope does not make a token app-only, so without `idtyp` this could be either.
  if (idtyp === undefined && scopes.length === 0) throw new GateError('ERR_TOKEN_KIND_UNCLEAR')
  if (subject.has(AGENT_USER) || subject.has(AGENT_IDENTITY)) return 'agent_user'
  return agentActs ? 'agent_on_behalf_of_user' : 'user'
}

/** Space-separated numbers in no order; lists and single numbers are tolerated. */
function facetsOf(value: unknown): ReadonlySet<string> {
  return new Set([value].flat().flatMap((item) => String(item ?? '').split(' ')))
}

/** Group object ids. A list with anything else in it holds names, and names are not unique: it counts as unknown. */
function groupsOf(claims: Claims): Groups {
  const { _claim_names: elsewhere, hasgroups } = claims
  const overage = typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, 'groups')
  if (overage || (hasgroups !== undefined && hasgroups !== false)) return { known: false, why: 'overage' }
  const ids = listOf(claims.groups)?.map((id) => id.toLowerCase())
  return ids?.every((id) => GUID.test(id)) ? { known: true, ids } : { known: false, why: 'not-in-token' }
}

function requireGuid(claims: Claims, name: string): string {
  const value = requireIdentifier(claims[name], name).toLowerCase()
  if (!GUID.test(value)) throw missing(name)
  return value
}

function missing(name: string): GateError {
  return new GateError('ERR_TOKEN_CLAIMS', { detail: `Missing or not usable: ${name}.` })
}
