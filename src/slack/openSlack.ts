import type { App, Logger, Receiver, types } from '@slack/bolt'
import type { Approval } from '../approvals/approval.ts'
import type { Notifier } from '../approvals/notifier.ts'
import { answerClick, answerCommand, answerSubmission } from './answerReviewers.ts'
import { createHttpReceiver, type SlackHttpAnswer } from './createHttpReceiver.ts'
import { createSlackNotifier } from './createSlackNotifier.ts'
import type { IdentifyParts } from './identifyReviewer.ts'
import { type KeptConnection, keepConnected } from './keepConnected.ts'
import type { SlackSettings } from './settings.ts'
import { createSlackApi, type Message, type SlackProblem } from './slackApi.ts'
import type { SlackDesk } from './slackDesk.ts'
import { createSignatureCheck, type SignedRequest } from './verifySignature.ts'

export interface SlackParts extends Omit<SlackDesk, 'api' | 'identify' | 'channel' | 'onProblem'> {
  readonly settings: SlackSettings
  readonly secrets: SlackSecrets
  readonly identify: Omit<IdentifyParts, 'api' | 'team'>
  /** Puts the delivery into the trail. */
  readonly recordDelivered: (approval: Approval, channel: string) => Promise<void>
  readonly report: SlackReport
}

export interface SlackSecrets {
  readonly botToken: string
  /** For `mode: socket`. */
  readonly appToken: string | undefined
  /** For `mode: http`. */
  readonly signingSecret: string | undefined
}

/** What operators hear of. Errors of Slack's SDK carry no token; their messages are not passed on all the same. */
export interface SlackReport {
  readonly connected: () => void
  readonly disconnected: (error: unknown) => void
  readonly refused: (problem: SlackProblem, approvalId: string) => void
  readonly problem: (error: unknown) => void
}

export interface OpenSlack {
  readonly notifier: Notifier
  /** One request to `/slack/events`; undefined unless `mode: http`. Throws ERR_SLACK_SIGNATURE, ERR_BODY_MALFORMED. */
  readonly receive: ((request: SignedRequest) => Promise<SlackHttpAnswer>) | undefined
  /** Whether clicks can arrive: the socket is open. With `mode: http` nobody knows. */
  isConnected(): boolean
  /** Ends after the clicks that are being answered. */
  close(): Promise<void>
}

/** One attempt, five seconds, no waiting inside the SDK: what is tried again is decided here. */
const BOUNDED = { timeout: 5_000, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true, allowAbsoluteUrls: false }

/** How long Slack waits for what a command shows. */
const COMMAND_MS = 2_500

/**
 * Opens Slack. Resolves at once, whether Slack can be reached or not, and nothing that Slack does later ends the
 * process. The SDK is loaded only here.
 */
export async function openSlack(parts: SlackParts): Promise<OpenSlack> {
  const bolt = await import('@slack/bolt')
  const { settings, secrets, report } = parts
  const slackApiUrl = settings.apiUrl ?? 'https://slack.com/api/'
  const logger = silentLogger(bolt.LogLevel.ERROR)
  // An object of its own for each: the SDK writes into what it is given.
  const options = () => ({ ...BOUNDED, retryConfig: { retries: 0 }, slackApiUrl, logger })
  const api = createSlackApi(new bolt.webApi.WebClient(secrets.botToken, options()), bolt.webApi)
  const desk: SlackDesk = {
    ...parts,
    api,
    identify: { ...parts.identify, api, team: settings.team },
    channel: settings.channel,
    onProblem: report.problem,
  }

  const socket =
    settings.mode === 'socket'
      ? new bolt.SocketModeReceiver({
          appToken: secrets.appToken ?? '',
          logger,
          autoReconnectEnabled: false,
          installerOptions: { clientOptions: options() },
        })
      : undefined
  const http =
    settings.mode === 'http'
      ? createHttpReceiver(createSignatureCheck(secrets.signingSecret ?? '', parts.clock))
      : undefined
  const app = new bolt.App({
    receiver: (socket ?? http) as Receiver,
    logger,
    clientOptions: options(),
    // Asked for every delivery. Without ids of the bot Slack is not asked for them, and none is needed.
    authorize: async () => ({ botToken: secrets.botToken }),
    ignoreSelf: false,
    convoStore: false,
  })
  const answering = answerDeliveries(app, desk)
  // Known before the first click, which has three seconds; asked for again by each click until it is.
  api.home().catch(report.problem)

  let connection: KeptConnection | undefined
  if (socket !== undefined) {
    const onState = (connected: boolean, error: unknown) =>
      connected ? report.connected() : report.disconnected(error)
    connection = keepConnected(socket.client, onState)
  }

  return {
    notifier: createSlackNotifier({
      ...{ api, store: parts.store, channel: settings.channel, remindBeforeMs: settings.remindBefore },
      ...{ nameGroup: parts.nameGroup, linkTo: parts.linkTo, recordDelivered: parts.recordDelivered },
      ...{ onRefused: report.refused, clock: parts.clock },
    }),
    receive: http?.receive,
    isConnected: () => connection?.isConnected() ?? true,
    async close() {
      connection?.stop()
      await Promise.allSettled(answering)
    },
  }
}

/** Everything that people can do with our messages, and nothing else. Answers what is still being worked on. */
function answerDeliveries(app: App, desk: SlackDesk): ReadonlySet<Promise<unknown>> {
  const answering = new Set<Promise<unknown>>()
  const work = async <Result>(started: Promise<Result>): Promise<Result> => {
    answering.add(started)
    try {
      return await started
    } finally {
      answering.delete(started)
    }
  }
  // Every one of them, also what no message of ours has: it is refused and recorded, not ignored.
  app.action(/(?:)/, async ({ body, ack }) => {
    await ack()
    await work(answerClick(body, desk))
  })
  app.view(/(?:)/, async ({ body, ack }) => {
    await ack()
    await work(answerSubmission(body, desk))
  })
  app.command(/(?:)/, async ({ body, ack }) => {
    const answer = await soon(work(answerCommand(body, desk)))
    await ack({ response_type: 'ephemeral', text: answer.text, blocks: answer.blocks as unknown as types.KnownBlock[] })
  })
  app.error(async (error) => desk.onProblem(error))
  return answering
}

async function soon(answer: Promise<Message>): Promise<Message> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Message>((resolve) => {
    const text = 'That takes too long just now. Try again in a moment.'
    timer = setTimeout(() => resolve({ text, blocks: [] }), COMMAND_MS)
  })
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

/** The SDK writes addresses, bodies and texts of people into its log. Ours gets what happened from the callers. */
function silentLogger(level: ReturnType<Logger['getLevel']>): Logger {
  const nothing = () => {}
  return {
    ...{ debug: nothing, info: nothing, warn: nothing, error: nothing },
    ...{ setLevel: nothing, setName: nothing, getLevel: () => level },
  }
}
