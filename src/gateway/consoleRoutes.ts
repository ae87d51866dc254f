import type { LinkDesk } from '../approvals/accountLinks.ts'
import type { Unmask } from '../approvals/revealRequest.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import type { VerifyOptions } from '../audit/chainCheck.ts'
import type { Trail } from '../audit/trail.ts'
import type { Config } from '../config/loadConfig.ts'
import { type Console, createConsole } from '../console/createConsole.ts'
import { createLoginClient } from '../console/createLoginClient.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import { issuerOf, reviewerProviderOf } from '../identity/checkIdentitySettings.ts'
import type { ReviewerVerifier } from '../identity/createReviewerVerifier.ts'
import { reviewerScopeOf } from '../identity/reviewerScope.ts'
import { isPlainLoopbackUrl, type ReviewerAppSettings } from '../identity/settings.ts'
import type { HttpLimits } from '../mcp/createHttpServer.ts'
import { RateLimiter } from '../mcp/limits.ts'
import type { PageRoute } from '../mcp/pageRoute.ts'
import type { ReadSecret } from '../settings/secretReference.ts'
import { openRevealDesk } from './openReviewDesk.ts'

interface ConsoleRouteParts {
  readonly config: Config
  readonly reviewerApp: ReviewerAppSettings
  readonly desk: ReviewDesk
  readonly unmask: Unmask
  readonly trail: Trail
  /** Undefined: nobody links accounts here. */
  readonly links: LinkDesk | undefined
  readonly reviewers: ReviewerVerifier
  readonly readProofs: () => Promise<VerifyOptions>
  readonly readSecret: ReadSecret
  readonly countRefusal: (address: string, code: ErrorCode) => void
  readonly limits: Pick<HttpLimits, 'logins' | 'pages' | 'reveals'>
  readonly onProblem: (error: unknown) => void
}

/** `/console`: the built-in pages, with a login through the reviewer app. */
export function consoleRoutes(parts: ConsoleRouteParts): { readonly route: PageRoute; readonly console: Console } {
  const { config, reviewerApp, desk, reviewers, readProofs, readSecret, countRefusal, limits, onProblem } = parts
  const publicOrigin = new URL(config.server.publicUrl).origin
  const provider = reviewerProviderOf(config.identity, reviewerApp)
  if (provider === undefined) throw new GateError('ERR_CONFIG', { detail: 'approvals.reviewerApp names no provider.' })
  const ownScopes = ['openid', 'offline_access', reviewerScopeOf(provider, reviewerApp)]
  const { clientSecret, scopes = ownScopes } = config.approvals.console ?? {}
  const login = createLoginClient({
    issuer: issuerOf(provider),
    clientId: reviewerApp.clientId,
    readClientSecret: clientSecret === undefined ? undefined : () => readSecret(clientSecret),
    scopes,
    redirectUri: `${publicOrigin}/console/callback`,
    maxLoginAge: Math.floor(reviewerApp.maxLoginAge / 1000),
    allowPlainHttp: config.server.insecureLoopback && isPlainLoopbackUrl(issuerOf(provider)),
    onProblem,
  })
  const [logins, pages] = [new RateLimiter(limits.logins), new RateLimiter(limits.pages)]
  const reveals = new RateLimiter(limits.reveals)
  const console = createConsole({
    publicOrigin,
    login,
    verify: (token) => reviewers.verify(token),
    desk,
    reveal: openRevealDesk(desk, {
      ...{ trail: parts.trail, unmask: parts.unmask },
      limitReveals: (person) => reveals.take(person),
    }),
    links: parts.links,
    maxLoginAge: reviewerApp.maxLoginAge,
    trail: { dir: config.audit.dir, readProofs },
    countRefusal,
    limitLogins: (address) => logins.take(address),
    limitPages: (person) => pages.take(person),
    onProblem,
  })
  const matches = (path: string) => path === '/console' || path.startsWith('/console/')
  return {
    console,
    route: { kind: 'page', matches, origin: publicOrigin, handle: (request) => console.handle(request) },
  }
}
