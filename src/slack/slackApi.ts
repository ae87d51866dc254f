import type { webApi } from '@slack/bolt'

/** A block of Slack's Block Kit, as JSON. */
export type Block = Readonly<Record<string, unknown>> & { readonly type: string }

export interface Message {
  /** Constants and ids only: it is mrkdwn, and what phones show. */
  readonly text: string
  readonly blocks: readonly Block[]
}

export interface Modal {
  readonly type: 'modal'
  readonly callback_id: string
  readonly private_metadata: string
  readonly title: Block
  readonly submit?: Block
  readonly close: Block
  readonly blocks: readonly Block[]
}

/** The workspace and the app that the bot token belongs to. */
export interface Home {
  readonly team: string
  readonly enterprise: string | undefined
  readonly app: string
  readonly bot: string
}

/** What Slack says about an account. */
export interface Account {
  readonly team: string
  readonly enterprise: string | undefined
  /** For display only: people choose it. */
  readonly name: string | undefined
  /** Only when Slack says that it is confirmed; it says so only with the scope `users:read.email`. */
  readonly email: string | undefined
  /** Why this account cannot be a reviewer's: `deleted`, `is_restricted`, ... Empty for a full member. */
  readonly marks: readonly string[]
}

/** The part of Slack's Web API that is used here. Every method throws SlackProblem and nothing else. */
export interface SlackApi {
  home(): Promise<Home>
  account(user: string): Promise<Account>
  /** Answers the message's `ts`. */
  post(channel: string, message: Message, about: PostedFor): Promise<string>
  postInThread(channel: string, thread: string, message: Message): Promise<void>
  update(channel: string, ts: string, message: Message, about: PostedFor): Promise<void>
  /** The `ts` of our message about this request, if the channel's recent history has one. */
  findPosted(channel: string, about: PostedFor, since: number): Promise<string | undefined>
  whisper(channel: string, user: string, message: Message): Promise<void>
  /** Answers the id of the view. */
  openModal(trigger: string, modal: Modal): Promise<string>
  updateModal(id: string, modal: Modal): Promise<void>
}

/** By what a message of ours is recognised (`metadata`), whatever became of the answer to its posting. */
export interface PostedFor {
  readonly approvalId: string
  readonly digest: string
}

/**
 * A call that did not work. `refused`: Slack answered, and would answer the same again. `unreachable`: nobody knows
 * whether it took effect. `busy`: it did not, and Slack says when to come back.
 */
export class SlackProblem extends Error {
  override readonly name = 'SlackProblem'
  readonly kind: 'refused' | 'unreachable' | 'busy'
  /** Slack's word for it: `channel_not_found`, `invalid_blocks`. */
  readonly reason: string
  readonly retryAfterMs: number | undefined

  constructor(kind: SlackProblem['kind'], reason: string, retryAfterMs?: number, cause?: unknown) {
    super(`Slack: ${reason}`, { cause })
    this.kind = kind
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

/** Marks our messages among others. */
const METADATA_EVENT = 'countersign_request'

/** Marks in `users.info` that no reviewer's account has. */
const FOREIGN_MARKS = [
  ...['deleted', 'is_bot', 'is_workflow_bot', 'is_app_user', 'is_restricted', 'is_ultra_restricted', 'is_stranger'],
  ...['is_connector_bot', 'is_invited_user'],
]

type WebApi = typeof webApi
type Client = InstanceType<WebApi['WebClient']>

/** Wraps the SDK's client, which was built with bounded retries and timeouts. */
export function createSlackApi(client: Client, errors: WebApi): SlackApi {
  let home: Promise<Home> | undefined

  async function ask<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call()
    } catch (error) {
      throw problemOf(error, errors)
    }
  }

  async function readHome(): Promise<Home> {
    const { team_id, enterprise_id, bot_id } = await client.auth.test()
    if (team_id === undefined || bot_id === undefined) throw new SlackProblem('refused', 'not_a_bot_token')
    const { bot } = await client.bots.info({ bot: bot_id })
    if (bot?.app_id === undefined) throw new SlackProblem('refused', 'app_unknown')
    return { team: team_id, enterprise: enterprise_id, app: bot.app_id, bot: bot_id }
  }

  return {
    home() {
      if (home !== undefined) return home
      const asked = ask(readHome)
      home = asked
      // What failed is asked for again.
      asked.catch(() => {
        home = undefined
      })
      return asked
    },

    account: (user) =>
      ask(async () => {
        const { user: found } = await client.users.info({ user })
        if (found?.id !== user || found.team_id === undefined) throw new SlackProblem('refused', 'user_not_found')
        const facts: Readonly<Record<string, unknown>> = { ...found }
        return {
          team: found.team_id,
          enterprise: found.enterprise_user?.enterprise_id,
          email: facts.is_email_confirmed === true ? found.profile?.email : undefined,
          name: found.profile?.real_name || found.real_name || found.name,
          marks: FOREIGN_MARKS.filter((mark) => facts[mark] !== undefined && facts[mark] !== false),
        }
      }),

    post: (channel, message, about) =>
      ask(async () => {
        const body = { channel, ...bodyOf(message), metadata: markOf(about) }
        const { ts } = (await client.apiCall('chat.postMessage', body)) as { ts?: unknown }
        if (typeof ts !== 'string') throw new SlackProblem('unreachable', 'no_ts')
        return ts
      }),

    async postInThread(channel, thread_ts, message) {
      await ask(() => client.apiCall('chat.postMessage', { channel, thread_ts, ...bodyOf(message) }))
    },

    async update(channel, ts, message, about) {
      await ask(() => client.apiCall('chat.update', { channel, ts, ...bodyOf(message), metadata: markOf(about) }))
    },

    findPosted: (channel, { approvalId, digest }, since) =>
      ask(async () => {
        const { bot } = await (home ?? readHome())
        const oldest = String(Math.floor(since / 1000) - 60)
        const { messages = [] } = await client.conversations.history({
          ...{ channel, oldest, limit: 200, include_all_metadata: true },
        })
        const ours = messages.find(({ bot_id, metadata }) => {
          const payload = metadata?.event_payload as Readonly<Record<string, unknown>> | undefined
          const isAbout = payload?.approval_id === approvalId && payload.digest === digest
          return bot_id === bot && metadata?.event_type === METADATA_EVENT && isAbout
        })
        return ours?.ts
      }),

    async whisper(channel, user, message) {
      await ask(() => client.apiCall('chat.postEphemeral', { channel, user, ...bodyOf(message) }))
    },

    openModal: (trigger_id, view) =>
      ask(async () => {
        const answer = (await client.apiCall('views.open', { trigger_id, view })) as { view?: { id?: string } }
        if (answer.view?.id === undefined) throw new SlackProblem('unreachable', 'no_view')
        return answer.view.id
      }),

    async updateModal(view_id, view) {
      await ask(() => client.apiCall('views.update', { view_id, view }))
    },
  }
}

/** Previews of links would fetch an attacker's page and draw an attacker's card under the request. */
function bodyOf({ text, blocks }: Message) {
  return { text, blocks, unfurl_links: false, unfurl_media: false, link_names: false, parse: 'none' }
}

function markOf({ approvalId, digest }: PostedFor) {
  return { event_type: METADATA_EVENT, event_payload: { approval_id: approvalId, digest } }
}

/** Slack's answers that mean: not now. */
const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
])

function problemOf(error: unknown, errors: WebApi): SlackProblem {
  if (error instanceof SlackProblem) return error
  if (error instanceof errors.WebAPIRateLimitedError) {
    return new SlackProblem('busy', 'ratelimited', error.retryAfter * 1_000)
  }
  if (error instanceof errors.WebAPIPlatformError) {
    const { error: reason } = error.data
    return new SlackProblem(PASSING.has(reason) ? 'unreachable' : 'refused', reason)
  }
  if (error instanceof errors.WebAPIHTTPError) return new SlackProblem('unreachable', `http_${error.statusCode}`)
  return new SlackProblem('unreachable', 'no_answer', undefined, error)
}
