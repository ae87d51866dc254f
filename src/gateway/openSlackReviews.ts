import type { ApprovalGate } from '../approvals/clearance.ts'
import type { AccountLinkStore } from '../approvals/linkPorts.ts'
import type { LookUpGroups, Reviewer } from '../approvals/membership.ts'
import type { Rejudge } from '../approvals/modify.ts'
import type { DeliveryStore } from '../approvals/ports.ts'
import type { Trail } from '../audit/trail.ts'
import type { Config } from '../config/loadConfig.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import { slackProviderOf } from '../identity/checkIdentitySettings.ts'
import { displayName } from '../identity/readClaim.ts'
import type { ProviderSettings } from '../identity/settings.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { RawRoute } from '../mcp/rawRoute.ts'
import type { SecretReference } from '../settings/secretReference.ts'
import { openSlack } from '../slack/openSlack.ts'
import type { SlackSettings } from '../slack/settings.ts'
import { SlackProblem } from '../slack/slackApi.ts'
import type { SlackLinking, SlackRefusal } from '../slack/slackDesk.ts'
import { errorFacts } from './errorFacts.ts'
import { holderOf, type NoticeParts } from './noticeParts.ts'
import { startNotifyLoop } from './notifyLoop.ts'
import { openAccountLinks, type PersonWithAddress, personKeyOf } from './openAccountLinks.ts'

interface SlackReviewParts extends NoticeParts {
  readonly config: Config
  readonly settings: SlackSettings
  readonly approvals: ApprovalGate
  readonly store: ApprovalGate['store'] & DeliveryStore & AccountLinkStore
  readonly lookUpGroups: LookUpGroups
  readonly personWithAddress: PersonWithAddress
  readonly masker: Masker
  readonly rejudge: Rejudge
  readonly linking: SlackLinking | undefined
  readonly countRefusal: (address: string, code: ErrorCode) => void
}

export interface SlackReviews {
  /** `POST /slack/events`, with `mode: http`. */
  readonly route: RawRoute | undefined
  /** There may be news in the outbox. */
  wake(): void
  close(): Promise<void>
}

/**
 * Slack as a surface for reviewers: requests go there through the outbox, clicks come back as votes. Slack may be down
 * for as long as it likes; nothing of the gateway waits for it. Throws only when a configured secret cannot be read.
 */
export async function openSlackReviews(parts: SlackReviewParts): Promise<SlackReviews> {
  const { config, settings, approvals, store, lease, trail, log, countRefusal } = parts
  const provider = slackProviderOf(config.identity, settings, config.approvals.reviewerApp)
  if (provider === undefined) throw new GateError('ERR_CONFIG', { detail: 'approvals.slack names no provider.' })
  const read = async (reference: SecretReference | undefined) =>
    reference === undefined ? undefined : await parts.readSecret(reference)
  const slack = await openSlack({
    settings,
    secrets: {
      botToken: await parts.readSecret(settings.botToken),
      appToken: await read(settings.appToken),
      signingSecret: await read(settings.signingSecret),
    },
    store,
    rules: approvals.rules,
    lookUpGroups: parts.lookUpGroups,
    recordEvent: approvals.recordEvent,
    clock: approvals.clock,
    maskText: (text) => maskFreeText(text, parts.masker),
    rejudge: parts.rejudge,
    nameGroup: parts.nameGroup,
    linkTo: parts.linkTo,
    linking: parts.linking,
    identify: {
      links: openAccountLinks({
        ...{ provider, settings, store, trail, clock: approvals.clock },
        personWithAddress: parts.personWithAddress,
      }),
      reviewerOf: (objectId, name) => reviewerOf(provider, objectId, name),
    },
    recordRefused: (refusal) => recordRefused(refusal, trail, countRefusal),
    async recordDelivered({ id, callId }, channel) {
      await trail.append({ event: 'approval.delivered', approval: id, call: callId, via: 'slack', to: channel })
    },
    wake: () => loop.wake(),
    report: {
      connected: () => log.info('Slack is connected'),
      disconnected: (error) =>
        log.warn(factsOf(error), 'Slack is not connected; requests wait, and are visible elsewhere'),
      refused: ({ reason }, approval) => log.warn({ approval, reason }, 'Slack would not take a message'),
      problem: (error) => log.warn(factsOf(error), 'Slack'),
    },
  })
  const loop = startNotifyLoop({
    store,
    notifier: slack.notifier,
    holder: holderOf(lease),
    clock: approvals.clock,
    onTrouble: (error) => log.warn(factsOf(error), 'Slack cannot be told of requests now; they wait in the outbox'),
    onRecovered: () => log.info('Slack is told of requests again'),
  })
  return {
    route: slack.receive && eventsRoute(slack.receive, countRefusal),
    wake: () => loop.wake(),
    async close() {
      await loop.stop()
      await slack.close()
    },
  }
}

function eventsRoute(
  receive: NonNullable<Awaited<ReturnType<typeof openSlack>>['receive']>,
  countRefusal: SlackReviewParts['countRefusal'],
): RawRoute {
  return {
    kind: 'raw',
    matches: (path) => path === '/slack/events',
    async handle({ body, header, address }) {
      const [timestamp, signature] = [header('x-slack-request-timestamp'), header('x-slack-signature')]
      try {
        return await receive({ timestamp, signature, body })
      } catch (error) {
        if (!(error instanceof GateError)) throw error
        countRefusal(address, error.code)
        // Nothing about why: whoever signs properly does not need it, and others should not have it.
        return { status: 401, body: undefined }
      }
    },
  }
}

/** As identity would have read this person from a token. Their groups are asked for when they vote. */
function reviewerOf(provider: ProviderSettings, subject: string, name: string | undefined): Reviewer {
  return {
    person: personKeyOf(provider, subject),
    subject,
    name: displayName(name),
    provider: provider.name,
    groups: { known: false, why: 'not-in-token' },
    issuedAt: 0,
  }
}

/** The person by directory id once they are known, until then the account by Slack's own. */
async function recordRefused(
  { approvalId, reviewer, user, team, verdict, code }: SlackRefusal,
  trail: Trail,
  countRefusal: SlackReviewParts['countRefusal'],
): Promise<void> {
  if (approvalId === undefined) return countRefusal(`slack:${team ?? '?'}/${user ?? '?'}`, code)
  const account = user === undefined ? undefined : { provider: 'slack', tid: team, oid: user }
  const by = reviewer && { provider: reviewer.provider, oid: reviewer.subject, name: reviewer.name }
  await trail.append({
    event: 'approval.vote_refused',
    approval: approvalId,
    by: by ?? account,
    via: 'slack',
    vote: verdict,
    code,
  })
}

function factsOf(error: unknown): Readonly<Record<string, unknown>> {
  if (error === undefined) return {}
  return error instanceof SlackProblem ? { kind: error.kind, reason: error.reason } : errorFacts(error)
}
