import * as oidc from 'openid-client'
import { showHidden } from '../approvals/suspiciousText.ts'
import type { Config } from '../config/loadConfig.ts'
import { issuerOf, reviewerProviderOf } from '../identity/checkIdentitySettings.ts'
import { reviewerScopeOf } from '../identity/reviewerScope.ts'
import { isPlainLoopbackUrl } from '../identity/settings.ts'
import { CommandStop } from './commandStop.ts'

/** Where reviewers log in, and as which program. */
export interface LoginProvider {
  readonly issuer: string
  readonly clientId: string
  readonly scopes: readonly string[]
  /** For an issuer on a loopback address only. */
  readonly allowPlainHttp: boolean
}

/** What a person must know to log in on another device. */
interface DeviceCode {
  readonly url: string
  readonly code: string
}

const TIMEOUT_SECONDS = 10
/** Nobody waits longer at a terminal, whatever the provider allows. */
const LONGEST_WAIT_SECONDS = 15 * 60
/** Assumed when the provider does not say. Short: the gateway looks at the token itself anyway. */
const ASSUMED_LIFETIME_SECONDS = 600

/** The reviewer app of a configuration. Throws CommandStop when there is none. */
export function loginProviderOf({ identity, approvals, server }: Config): LoginProvider {
  const { reviewerApp, console } = approvals
  const provider = reviewerApp && reviewerProviderOf(identity, reviewerApp)
  if (reviewerApp === undefined || provider === undefined) {
    throw new CommandStop(2, 'The configuration names no approvals.reviewerApp: nobody can log in.')
  }
  const issuer = issuerOf(provider)
  const scopes = console?.scopes ?? ['openid', reviewerScopeOf(provider, reviewerApp)]
  return {
    issuer,
    clientId: reviewerApp.clientId,
    // What renews a login would outlive it, in a file.
    scopes: scopes.filter((scope) => scope !== 'offline_access'),
    allowPlainHttp: server.insecureLoopback && isPlainLoopbackUrl(issuer),
  }
}

/** A provider named on the command line, for who has no configuration. Plain http is taken on a loopback address alone. */
export function namedProvider(
  issuer: string | undefined,
  clientId: string | undefined,
  scopes: readonly string[],
): LoginProvider {
  if (issuer === undefined || clientId === undefined || !URL.canParse(issuer)) {
    throw new CommandStop(2, 'Without --config both are needed: --issuer, a URL, and --client-id.')
  }
  const allowPlainHttp = isPlainLoopbackUrl(issuer)
  if (new URL(issuer).protocol !== 'https:' && !allowPlainHttp) {
    throw new CommandStop(2, 'Plain http is for loopback addresses only: use https.')
  }
  return { issuer, clientId, scopes: ['openid', ...scopes], allowPlainHttp }
}

/**
 * The device authorization grant (RFC 8628): the person logs in wherever there is a browser, and this waits.
 * `show` is told where and with which code. Throws CommandStop; nothing of the provider's answers but its error code is
 * in it.
 */
export async function logInByDevice(
  provider: LoginProvider,
  show: (code: DeviceCode) => void,
  interrupted: AbortSignal,
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const ending = new AbortController()
  const end = () => ending.abort()
  interrupted.addEventListener('abort', end)
  let timer: NodeJS.Timeout | undefined
  try {
    const configuration = await discover(provider)
    const scope = provider.scopes.join(' ')
    const device = await oidc.initiateDeviceAuthorization(configuration, { scope })
    const { verification_uri: url, user_code: code, expires_in: seconds } = device
    if (!/^https?:\/\//.test(url)) throw new CommandStop(1, 'The identity provider named no web address to log in at.')
    show({ url: showHidden(url), code: showHidden(code) })
    timer = setTimeout(end, Math.min(seconds, LONGEST_WAIT_SECONDS) * 1000)
    const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, device, undefined, { signal: ending.signal })
    const lifetime = tokens.expiresIn() ?? ASSUMED_LIFETIME_SECONDS
    return { token: tokens.access_token, expiresAt: Date.now() + lifetime * 1000 }
  } catch (error) {
    if (interrupted.aborted) throw new CommandStop(1, 'The login was interrupted.')
    if (ending.signal.aborted) throw new CommandStop(1, TOO_LATE)
    throw explained(error, provider)
  } finally {
    clearTimeout(timer)
    interrupted.removeEventListener('abort', end)
  }
}

async function discover({ issuer, clientId, allowPlainHttp }: LoginProvider): Promise<oidc.Configuration> {
  const configuration = await oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), {
    timeout: TIMEOUT_SECONDS,
    execute: allowPlainHttp ? [oidc.allowInsecureRequests] : [],
  })
  if (configuration.serverMetadata().device_authorization_endpoint !== undefined) return configuration
  throw new CommandStop(
    1,
    'The identity provider offers no login with a device code. Use --token or COUNTERSIGN_TOKEN.',
  )
}

const TOO_LATE = 'Nobody logged in in time. Start again.'
const REASONS: Readonly<Record<string, string>> = {
  access_denied: 'The login was refused.',
  expired_token: TOO_LATE,
  invalid_client:
    'The identity provider does not let this program log in without a secret. The reviewer app must allow public client flows.',
  unauthorized_client:
    'The identity provider does not allow this program the login with a device code. The reviewer app must allow public client flows.',
  invalid_scope: 'The identity provider does not know the scope that was asked for.',
}

function explained(error: unknown, { issuer }: LoginProvider): CommandStop {
  if (error instanceof CommandStop) return error
  if (error instanceof oidc.ResponseBodyError) {
    const known = Object.hasOwn(REASONS, error.error) ? REASONS[error.error] : undefined
    return new CommandStop(1, known ?? `The identity provider refused the login (${error.error}).`)
  }
  return new CommandStop(2, `The identity provider at ${issuer} cannot be reached, or does not answer as one should.`)
}
