import type { Logger } from 'pino'
import type { LinkDesk } from '../approvals/accountLinks.ts'
import type { Rejudge } from '../approvals/modify.ts'
import type { StateStore } from '../approvals/ports.ts'
import type { SigningKey } from '../audit/signingKey.ts'
import type { Config } from '../config/loadConfig.ts'
import type { ErrorCode } from '../errors.ts'
import { createReviewerVerifier } from '../identity/createReviewerVerifier.ts'
import type { TokenVerifier } from '../identity/createTokenVerifier.ts'
import type { HttpLimits, JsonRoute } from '../mcp/createHttpServer.ts'
import type { PageRoute } from '../mcp/pageRoute.ts'
import type { RawRoute } from '../mcp/rawRoute.ts'
import type { Gates } from '../pipeline/gates.ts'
import type { Closing } from './closeAll.ts'
import { consoleRoutes } from './consoleRoutes.ts'
import { createLinkDesk } from './createLinkDesk.ts'
import { createRejudge } from './createRejudge.ts'
import { createUnmask } from './createUnmask.ts'
import type { CredentialBook } from './credentialBook.ts'
import { openEmail } from './openEmail.ts'
import type { HeldLease } from './openLease.ts'
import { openReviewDesk } from './openReviewDesk.ts'
import { openSlackReviews } from './openSlackReviews.ts'
import { openWebhooks } from './openWebhooks.ts'
import { readTrailProofs } from './readTrailProofs.ts'
import type { ReportProblem } from './reportProblems.ts'
import { reviewRoute } from './reviewRoute.ts'

export interface SurfaceParts {
  readonly config: Config
  readonly gates: Gates
  readonly store: StateStore
  readonly lease: HeldLease
  readonly verifier: TokenVerifier
  readonly book: CredentialBook
  readonly signingKey: SigningKey
  readonly limits: HttpLimits
  readonly problem: ReportProblem
  readonly log: Logger
}

export interface Surfaces {
  readonly routes: readonly (JsonRoute | PageRoute | RawRoute)[]
  /** There may be news in the outbox. */
  wake(): void
  /** Ends the streams of open pages, which would hold the server for as long as running calls may take. */
  closePages(): void
  /** Ends after the deliveries that are going on. */
  close(): Promise<void>
}

/** What the surfaces have in common. */
interface Shared extends SurfaceParts {
  readonly rejudge: Rejudge
  readonly linkDesk: LinkDesk | undefined
  readonly countRefusal: (address: string, code: ErrorCode) => void
}

/**
 * Opens where people see requests and decide, and where programs are told of them: the reviewers' API, the console,
 * Slack, webhooks and mail, as far as they are configured.
 */
export async function openSurfaces(parts: SurfaceParts, closing: Closing): Promise<Surfaces> {
  const { config, gates, store } = parts
  const { trail, refusals } = gates.record
  const { clock } = gates.approvals
  const canLink = hasConsole(config) && config.approvals.slack?.linking === true
  const shared: Shared = {
    ...parts,
    rejudge: createRejudge(gates),
    linkDesk: canLink ? createLinkDesk(store, trail, clock) : undefined,
    countRefusal: (address, code) => refusals.count(address, code, new Date(clock())),
  }
  const pages = openPages(shared)
  const notices = await openNotices(shared, closing)
  return {
    routes: [...pages.routes, ...notices.routes],
    wake: notices.wake,
    closePages: pages.close,
    close: notices.close,
  }
}

function hasConsole({ approvals }: Config): boolean {
  return approvals.console?.enabled === true
}

/** The reviewers' API and the console: both ask for a token of the reviewer app. */
function openPages(shared: Shared): Pick<Surfaces, 'routes'> & { close(): void } {
  const { config, gates, store, verifier, signingKey, limits, rejudge, countRefusal } = shared
  const { approvals, maskerFor, record } = gates
  const { trail, nameGroup } = record
  const { reviewerApp } = config.approvals
  if (reviewerApp === undefined) return { routes: [], close: () => {} }
  const reviewers = createReviewerVerifier(reviewerApp, verifier)
  const lookUpGroups = verifier.groups.groupsNow
  const surface = { approvals, trail, lookUpGroups, masker: maskerFor(undefined), rejudge, nameGroup }
  const api = reviewRoute({
    desk: openReviewDesk(surface, 'api'),
    reviewers,
    countRefusal: (address, { code }) => countRefusal(address, code),
  })
  if (!hasConsole(config)) return { routes: [api], close: () => {} }
  const { route, console } = consoleRoutes({
    ...{ config, reviewerApp, reviewers, countRefusal, limits, trail, links: shared.linkDesk },
    desk: openReviewDesk(surface, 'console'),
    unmask: createUnmask(gates),
    readProofs: () => readTrailProofs(signingKey, store),
    readSecret: shared.book.readSecret,
    onProblem: shared.problem('console'),
  })
  return { routes: [api, route], close: console.close }
}

/** Slack, webhooks and mail: they are told through the outbox, and nothing waits for them. */
async function openNotices(shared: Shared, closing: Closing): Promise<Omit<Surfaces, 'closePages'>> {
  const { config, gates, store, verifier, book, log, rejudge, linkDesk, countRefusal } = shared
  const { approvals, maskerFor, record } = gates
  const { trail, nameGroup } = record
  const resource = new URL(config.server.publicUrl)
  const linkTo = (id: string) => (hasConsole(config) ? new URL(`/console/requests/${id}`, resource).href : undefined)
  const { readSecret, add: alsoSecret } = book
  const common = { store, lease: shared.lease.current(), trail, nameGroup, linkTo, readSecret, log }

  const { slack: slackSettings, webhooks: receivers, email: emailSettings } = config.approvals
  const slack =
    slackSettings &&
    (await openSlackReviews({
      ...{ ...common, config, settings: slackSettings, approvals, rejudge, countRefusal },
      ...{ lookUpGroups: verifier.groups.groupsNow, personWithAddress: verifier.groups.personWithAddress },
      masker: maskerFor(undefined),
      linking: linkDesk && { ...linkDesk, urlFor: (token) => new URL(`/console/link/${token}`, resource).href },
    }))
  closing.push(() => slack?.close())
  const { clock } = approvals
  const webhooks = await openWebhooks({ ...common, receivers, alsoSecret, clock })
  closing.push(webhooks.close)
  const email =
    emailSettings && (await openEmail({ ...common, settings: emailSettings, host: resource.hostname, clock }))
  closing.push(() => email?.close())

  const all = [slack, webhooks, email]
  return {
    routes: slack?.route === undefined ? [] : [slack.route],
    wake() {
      for (const surface of all) surface?.wake()
    },
    async close() {
      await Promise.all(all.map((surface) => surface?.close()))
    },
  }
}
