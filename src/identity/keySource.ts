import { type CryptoKey, importJWK, type JWK } from 'jose'
import { GateError } from '../errors.ts'
import { FetchProblem, fetchJson } from './fetchJson.ts'
import { isPlainLoopbackUrl, isSecureOrLoopbackUrl } from './settings.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** After this a lookup starts a refresh in the background. Providers publish a key long before they sign with it. */
const REFRESH_AFTER = HOUR
/** After this a lookup waits for the refresh (Microsoft: cache keys for 24 hours). */
const STALE_AFTER = 24 * HOUR
/** Last good keys survive an outage, but not for ever: a key that was withdrawn meanwhile would live on. */
const UNUSABLE_AFTER = 72 * HOUR
/** Anyone can send an unknown `kid`; this bounds what that costs us and the provider (Microsoft: 5 minutes). */
const UNKNOWN_KEY_REFETCH = 5 * MINUTE
/** After a failed fetch nobody fetches again for this long. */
const FAILURE_COOL_DOWN = 30_000
const FETCH_TIMEOUT_MS = 5_000

/** A key as published. Entra adds `issuer`: who may sign with it. */
type PublishedKey = JWK & { readonly issuer?: unknown }

/** A published signing key. The same object for as long as the provider publishes the same key. */
export interface SigningKey {
  readonly jwk: JWK
  /** Throws when the key does not fit the algorithm. */
  importFor(algorithm: string): Promise<CryptoKey>
}

export interface KeyState {
  /** False when no token of this provider can be verified now. */
  readonly ready: boolean
  /** Why the last fetch failed, for operators; undefined when it did not. */
  readonly problem: string | undefined
}

export interface KeySource {
  /** Throws ERR_TOKEN_KEY_UNKNOWN or ERR_KEYS_UNAVAILABLE. */
  find(kid: string): Promise<SigningKey>
  /** Loads the keys when there are none. Never throws. */
  state(): Promise<KeyState>
  close(): void
}

interface KeySourceOptions {
  /** Must equal `issuer` in the discovery document (OpenID Connect Discovery 1.0 section 4.3). */
  readonly issuer: string
  readonly discoveryUrl: string
  /** Whether this provider may sign with the key. */
  readonly accepts: (jwk: PublishedKey) => boolean
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** The signing keys of one provider: discovery, cache, rotation and outage. Fetches only what the config leads to. */
export function createKeySource({ issuer, discoveryUrl, accepts, now }: KeySourceOptions): KeySource {
  const closed = new AbortController()
  let keys: ReadonlyMap<string, SigningKey> = new Map()
  let jwksUri: string | undefined
  let discoveredAt = Number.NEGATIVE_INFINITY
  let fetchedAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY
  let refetchedForUnknownAt = Number.NEGATIVE_INFINITY
  let problem: string | undefined
  let running: Promise<boolean> | undefined

  const fetchDocument = (url: string) => fetchJson(url, { timeoutMs: FETCH_TIMEOUT_MS, signal: closed.signal })
  const age = () => now() - fetchedAt
  const unavailable = () => new GateError('ERR_KEYS_UNAVAILABLE')

  async function discover(): Promise<string> {
    const document = asObject(await fetchDocument(discoveryUrl))
    if (document.issuer !== issuer) {
      throw new FetchProblem(`the discovery document does not name the configured issuer ${issuer}`)
    }
    const uri = document.jwks_uri
    if (typeof uri !== 'string' || !isSecureOrLoopbackUrl(uri)) throw new FetchProblem('jwks_uri is not an https URL')
    if (isPlainLoopbackUrl(uri) && !isPlainLoopbackUrl(issuer)) throw new FetchProblem('jwks_uri is not an https URL')
    return uri
  }

  async function load(): Promise<boolean> {
    try {
      if (jwksUri === undefined || now() - discoveredAt > STALE_AFTER) {
        jwksUri = await discover()
        discoveredAt = now()
      }
      const next = readKeySet(await fetchDocument(jwksUri), accepts, keys)
      if (next.size === 0) throw new FetchProblem('the key set holds no key that this provider may sign with')
      keys = next
      fetchedAt = now()
      problem = undefined
      return true
    } catch (error) {
      failedAt = now()
      // The address may have moved: ask the discovery document again next time.
      jwksUri = undefined
      problem = error instanceof FetchProblem ? error.message : 'unexpected failure while reading keys'
      return false
    }
  }

  /** One fetch at a time, and none within the cool-down; true when the keys were fetched just now. */
  function refresh(): Promise<boolean> {
    if (running !== undefined) return running
    if (now() - failedAt < FAILURE_COOL_DOWN) return Promise.resolve(false)
    running = load().finally(() => {
      running = undefined
    })
    return running
  }

  async function keepFresh(): Promise<boolean> {
    if (age() > STALE_AFTER) return await refresh()
    if (age() > REFRESH_AFTER) void refresh()
    return false
  }

  return {
    async find(kid) {
      const justFetched = await keepFresh()
      if (age() > UNUSABLE_AFTER) throw unavailable()
      const known = keys.get(kid)
      if (known !== undefined) return known
      if (justFetched || now() - refetchedForUnknownAt < UNKNOWN_KEY_REFETCH)
        throw new GateError('ERR_TOKEN_KEY_UNKNOWN')
      // Without an answer nobody can say whether the key exists: that is an outage, not a bad token.
      if (!(await refresh())) throw unavailable()
      refetchedForUnknownAt = now()
      const found = keys.get(kid)
      if (found === undefined) throw new GateError('ERR_TOKEN_KEY_UNKNOWN')
      return found
    },
    async state() {
      await keepFresh()
      return { ready: age() <= UNUSABLE_AFTER, problem }
    },
    close: () => closed.abort(),
  }
}

/** Usable keys by `kid`. A key that was there before stays the same object, and keeps its imports. */
function readKeySet(
  document: unknown,
  accepts: (jwk: PublishedKey) => boolean,
  before: ReadonlyMap<string, SigningKey>,
): ReadonlyMap<string, SigningKey> {
  const list = asObject(document).keys
  const keys = new Map<string, SigningKey>()
  for (const item of Array.isArray(list) ? list.slice(0, 100) : []) {
    const jwk = asObject(item) as PublishedKey
    if (typeof jwk.kid !== 'string' || keys.has(jwk.kid) || !isPublicSigningKey(jwk) || !accepts(jwk)) continue
    const old = before.get(jwk.kid)
    keys.set(jwk.kid, old !== undefined && materialOf(old.jwk) === materialOf(jwk) ? old : signingKey(jwk))
  }
  return keys
}

function isPublicSigningKey(jwk: JWK): boolean {
  return ['RSA', 'EC', 'OKP'].includes(jwk.kty ?? '') && (jwk.use === undefined || jwk.use === 'sig')
}

function signingKey(jwk: JWK): SigningKey {
  const { kty, n, e, crv, x, y, alg } = jwk
  const publicPart = Object.fromEntries(
    Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined),
  )
  const imports = new Map<string, Promise<CryptoKey>>()
  return {
    jwk,
    importFor(algorithm) {
      if (alg !== undefined && alg !== algorithm)
        return Promise.reject(new TypeError('the key is for another algorithm'))
      let key = imports.get(algorithm)
      if (key === undefined) {
        key = importJWK(publicPart as JWK, algorithm).then((imported) => {
          if (imported instanceof Uint8Array) throw new TypeError('not an asymmetric key')
          return imported
        })
        imports.set(algorithm, key)
      }
      return key
    },
  }
}

function materialOf({ kty, n, e, crv, x, y, alg }: JWK): string {
  return JSON.stringify([kty, n, e, crv, x, y, alg])
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FetchProblem('not a JSON object')
  return value as Readonly<Record<string, unknown>>
}
