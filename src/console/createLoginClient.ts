import * as oidc from 'openid-client'
import { GateError } from '../errors.ts'
import type { LoginClient } from './ports.ts'

interface LoginClientSettings {
  /** The exact issuer; its discovery document is fetched from below it. */
  readonly issuer: string
  readonly clientId: string
  /** Undefined: a public client, which PKCE protects. */
  readonly readClientSecret: (() => Promise<string>) | undefined
  readonly scopes: readonly string[]
  readonly redirectUri: string
  /** Seconds. */
  readonly maxLoginAge: number
  /** For an issuer on a loopback address only; the settings were checked for that. */
  readonly allowPlainHttp: boolean
  readonly onProblem: (error: unknown) => void
}

const TIMEOUT_SECONDS = 10

/**
 * Logs people in with authorization code, PKCE, state and nonce. The provider is asked for its metadata at the first
 * login, so that its outage does not stop the start, and again until it has answered.
 */
export function createLoginClient(settings: LoginClientSettings): LoginClient {
  const { redirectUri, scopes, maxLoginAge } = settings
  let known: Promise<oidc.Configuration> | undefined
  const configuration = () => {
    known ??= discover(settings).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
  /** The library's errors quote answers of the provider, so only a code leaves here. */
  async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (cause) {
      settings.onProblem(cause)
      throw new GateError('ERR_CONSOLE_LOGIN', { cause })
    }
  }

  return {
    authorizationUrl: ({ state, nonce, codeVerifier }, how) =>
      guarded(async () =>
        oidc.buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: scopes.join(' '),
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          max_age: String(maxLoginAge),
          ...(how === 'fresh' && { prompt: 'login' }),
        }),
      ),
    redeem: (callback, { state, nonce, codeVerifier }) =>
      guarded(async () => {
        const tokens = await oidc.authorizationCodeGrant(await configuration(), callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
        })
        return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
      }),
    renew: (refreshToken) =>
      guarded(async () => {
        try {
          // Without a scope the provider gives what it gave before, which may be less than was asked for.
          const tokens = await oidc.refreshTokenGrant(await configuration(), refreshToken)
          return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token ?? refreshToken }
        } catch (error) {
          if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') return 'refused'
          throw error
        }
      }),
  }
}

async function discover({
  issuer,
  clientId,
  readClientSecret,
  allowPlainHttp,
}: LoginClientSettings): Promise<oidc.Configuration> {
  const authentication = readClientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(await readClientSecret())
  return await oidc.discovery(new URL(issuer), clientId, undefined, authentication, {
    timeout: TIMEOUT_SECONDS,
    execute: allowPlainHttp ? [oidc.allowInsecureRequests] : [],
  })
}
