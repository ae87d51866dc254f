import { compactVerify } from 'jose'
import { GateError } from '../errors.ts'
import { checkTimes } from './checkTimes.ts'
import type { SigningKey } from './keySource.ts'
import type { Issuer, Issuers } from './openIssuers.ts'
import { type Claims, type PeekedToken, parseClaims, peekToken } from './peekToken.ts'

/** Claims that the named provider really signed, for now. What they permit is not judged yet. */
export interface VerifiedClaims {
  readonly issuer: Issuer
  readonly header: Claims
  readonly claims: Claims
  readonly kid: string
  readonly key: SigningKey
}

/** Microsoft Graph in all clouds: the application id, and the addresses that v1 tokens name as `aud`. */
const GRAPH_AUDIENCE =
  /^(00000003-0000-0000-c000-000000000000|https:\/\/(graph\.microsoft\.(com|us)|dod-graph\.microsoft\.us|microsoftgraph\.chinacloudapi\.cn)\/?)$/

/**
 * Checks header, key, signature and times of an access token (RFC 7519, RFC 9068, RFC 8725). No address in the token is
 * ever used, embedded keys are ignored. Throws a coded GateError without a cause: the errors of token libraries carry
 * claims.
 */
export async function verifyClaims(token: string, issuers: Issuers, now: number): Promise<VerifiedClaims> {
  const peeked = peekToken(token)
  const issuer = chooseIssuer(peeked, issuers)
  const { algorithm, kid } = checkHeader(peeked.header, issuer)
  const key = await issuer.keys.find(kid)
  const claims = parseClaims(await verifySignature(token, key, algorithm))
  checkTimes(claims, issuer.provider, now)
  return { issuer, header: peeked.header, claims, kid, key }
}

/** Unverified input decides here only which keys are tried and which refusal is given. */
function chooseIssuer({ header, claims }: PeekedToken, issuers: Issuers): Issuer {
  // Graph signs over a hashed header nonce, so that nobody else can verify its tokens.
  if ('nonce' in header || (typeof claims.aud === 'string' && GRAPH_AUDIENCE.test(claims.aud))) {
    throw new GateError('ERR_TOKEN_FOR_GRAPH')
  }
  const issuer = typeof claims.iss === 'string' ? issuers.get(claims.iss) : undefined
  if (issuer !== undefined) return issuer
  const { iss } = claims
  if (typeof iss !== 'string') throw new GateError('ERR_TOKEN_ISSUER')
  const entra = [...issuers.values()].flatMap(({ provider }) => (provider.type === 'entra' ? [provider] : []))
  if (entra.length > 0 && claims.ver === '1.0') throw new GateError('ERR_TOKEN_VERSION')
  if (entra.some(({ authority }) => iss.startsWith(`${authority}/`))) throw new GateError('ERR_TOKEN_TENANT')
  throw new GateError('ERR_TOKEN_ISSUER')
}

function checkHeader(header: Claims, { algorithms, provider }: Issuer): { algorithm: string; kid: string } {
  const { alg, kid, typ } = header
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new GateError('ERR_TOKEN_ALGORITHM')
  const wanted = provider.type === 'entra' ? 'JWT' : provider.typ
  if ('crit' in header || !isAccessTokenType(typ, wanted)) throw new GateError('ERR_TOKEN_TYPE')
  if (typeof kid !== 'string' || kid === '') throw new GateError('ERR_TOKEN_KEY_ID')
  return { algorithm: alg, kid }
}

/** `typ` is a media type: case does not count and `application/` may be left out (RFC 7515 section 4.1.9). */
function isAccessTokenType(typ: unknown, wanted: 'at+jwt' | 'JWT' | undefined): boolean {
  if (typ === undefined) return wanted === undefined
  if (typeof typ !== 'string') return false
  const name = typ.toLowerCase().replace(/^application\//, '')
  return wanted === undefined ? name === 'at+jwt' || name === 'jwt' : name === wanted.toLowerCase()
}

async function verifySignature(token: string, key: SigningKey, algorithm: string): Promise<Uint8Array> {
  try {
    const { payload } = await compactVerify(token, await key.importFor(algorithm), { algorithms: [algorithm] })
    return payload
  } catch {
    throw new GateError('ERR_TOKEN_SIGNATURE')
  }
}
