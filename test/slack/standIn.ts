import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { lintBlocks, lintModal } from './lintBlocks.ts'

// biome-ignore lint/suspicious/noExplicitAny: the stand-in stores whatever JSON it is sent
type Json = any

export const TOKENS = {
  bot: 'xoxb-stand-in',
  app: 'xapp-stand-in',
  signing: '8f742231b10e8888abcd99yyyzzz85a5',
} as const
export const IDS = { team: 'T0HOME', app: 'A0APP', bot: 'B0BOT', channel: 'C0APPROVALS' } as const

export interface PostedMessage {
  readonly ts: string
  readonly channel: string
  readonly thread: string | undefined
  text: string
  blocks: Json[]
  readonly metadata: Json
  edits: number
}

export interface Call {
  readonly method: string
  readonly args: Readonly<Record<string, string>>
}

/** What the stand-in does with a call: never answers, breaks the connection (before or after it took effect), or 429. */
export type Fault = 'hang' | 'reset' | 'reset-after' | 'hang-after' | 'limit' | { readonly error: string }

export interface SlackStandIn {
  readonly apiUrl: string
  readonly calls: Call[]
  readonly messages: PostedMessage[]
  readonly whispers: { readonly channel: string; readonly user: string; readonly blocks: Json[] }[]
  /** Open modals by id, as last updated. */
  readonly modals: Map<string, Json>
  /** Accounts of the workspace: laid over a full member. */
  readonly users: Map<string, Json>
  /** Sockets of Socket Mode that are open. */
  readonly sockets: ReadonlySet<WebSocket>
  /** Blocks that broke a limit of Block Kit: there must be none. */
  readonly lint: string[]
  /** The next calls of a method meet this; `times` absent: until it is lifted. */
  fail(method: string, fault: Fault, times?: number): void
  heal(): void
  /** Delivers an envelope over a socket; answers what was acknowledged, undefined when nothing came in time. */
  deliver(payload: Json, options?: { type?: string; socket?: number; envelope?: string }): Promise<Json | undefined>
  /** Slack recycles its connections. */
  recycle(): void
  dropSockets(): void
  /** Nothing listens any more, until `start`. */
  halt(): Promise<void>
  start(): Promise<void>
  /** Requests (not thread replies) in the channel. */
  requests(): PostedMessage[]
  threadOf(message: PostedMessage): string[]
  close(): Promise<void>
}

/** Slack's Web API and Socket Mode on loopback: as much of both as the real SDK needs, and ways to misbehave. */
export async function startSlackStandIn(): Promise<SlackStandIn> {
  const calls: Call[] = []
  const messages: PostedMessage[] = []
  const whispers: SlackStandIn['whispers'] = []
  const modals = new Map<string, Json>()
  const users = new Map<string, Json>()
  const lint: string[] = []
  const faults = new Map<string, { fault: Fault; left: number }>()
  const sockets = new Set<WebSocket>()
  const waiting = new Map<string, (payload: Json) => void>()
  let serial = 0

  const methods: Readonly<Record<string, (args: Record<string, string>) => Json>> = {
    'auth.test': () => ({ ok: true, team_id: IDS.team, bot_id: IDS.bot, user_id: 'U0BOT' }),
    'bots.info': ({ bot }) =>
      bot === IDS.bot ? { ok: true, bot: { id: IDS.bot, app_id: IDS.app } } : { ok: false, error: 'bot_not_found' },
    'users.info': ({ user = '' }) => {
      const known = users.get(user)
      if (known === undefined) return { ok: false, error: 'user_not_found' }
      const member = { id: user, team_id: IDS.team, deleted: false, is_bot: false, is_restricted: false }
      return { ok: true, user: { ...member, name: user.toLowerCase(), ...known } }
    },
    'apps.connections.open': () => ({ ok: true, url: `ws://127.0.0.1:${port()}/link?ticket=${randomUUID()}` }),
    'chat.postMessage': ({ channel = '', text = '', blocks, thread_ts, metadata }) => {
      if (channel !== IDS.channel) return { ok: false, error: 'channel_not_found' }
      const parsed = JSON.parse(blocks ?? '[]')
      const problems = lintBlocks(parsed)
      lint.push(...problems)
      if (problems.length > 0) return { ok: false, error: 'invalid_blocks' }
      const ts = `${Math.floor(Date.now() / 1000)}.${String(++serial).padStart(6, '0')}`
      const mark = metadata === undefined ? undefined : JSON.parse(metadata)
      messages.push({ ts, channel, text, blocks: parsed, thread: thread_ts, metadata: mark, edits: 0 })
      return { ok: true, channel, ts }
    },
    'chat.update': ({ channel, ts, text = '', blocks }) => {
      const message = messages.find((one) => one.channel === channel && one.ts === ts)
      if (message === undefined) return { ok: false, error: 'message_not_found' }
      const parsed = JSON.parse(blocks ?? '[]')
      lint.push(...lintBlocks(parsed))
      Object.assign(message, { text, blocks: parsed, edits: message.edits + 1 })
      return { ok: true, channel, ts }
    },
    'chat.postEphemeral': ({ channel = '', user = '', blocks }) => {
      const parsed = JSON.parse(blocks ?? '[]')
      lint.push(...lintBlocks(parsed))
      whispers.push({ channel, user, blocks: parsed })
      return { ok: true, message_ts: '1.1' }
    },
    'views.open': ({ view = '{}' }) => {
      const id = `V${++serial}`
      const parsed = JSON.parse(view)
      lint.push(...lintModal(parsed))
      modals.set(id, parsed)
      return { ok: true, view: { id } }
    },
    'views.update': ({ view_id = '', view = '{}' }) => {
      const parsed = JSON.parse(view)
      lint.push(...lintModal(parsed))
      modals.set(view_id, parsed)
      return { ok: true, view: { id: view_id } }
    },
    'conversations.history': ({ channel }) => ({
      ok: true,
      messages: messages
        .filter((one) => one.channel === channel && one.thread === undefined)
        .map(({ ts, metadata }) => ({ ts, bot_id: IDS.bot, metadata }))
        .reverse(),
    }),
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const method = (request.url ?? '').replace(/^\/api\//, '')
    const args = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8')))
    calls.push({ method, args })
    const fault = faultOf(args.thread_ts === undefined ? method : `${method} in a thread`)
    if (fault === 'hang') return
    if (fault === 'reset') return void request.socket.destroy()
    const send = (body: Json, status = 200, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    }
    if (fault === 'limit') return send({ ok: false, error: 'ratelimited' }, 429, { 'retry-after': '1' })
    if (typeof fault === 'object') return send({ ok: false, error: fault.error })
    const token = (request.headers.authorization ?? args.token ?? '').replace(/^Bearer /, '')
    const needed = method === 'apps.connections.open' ? TOKENS.app : TOKENS.bot
    const answer = token === needed ? methods[method]?.(args) : { ok: false, error: 'invalid_auth' }
    if (fault === 'reset-after') return void request.socket.destroy()
    if (fault === 'hang-after') return
    send(answer ?? { ok: false, error: 'unknown_method' })
  })
  const wss = new WebSocketServer({ server })
  wss.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => sockets.delete(socket))
    socket.on('message', (data) => {
      const { envelope_id, payload } = JSON.parse(String(data))
      waiting.get(envelope_id)?.(payload)
      waiting.delete(envelope_id)
    })
    socket.send(JSON.stringify({ type: 'hello', connection_info: { app_id: IDS.app } }))
  })

  let known = 0
  const port = () => known || (server.address() as AddressInfo).port
  const start = async () => {
    server.listen(known, '127.0.0.1')
    await once(server, 'listening')
    known = (server.address() as AddressInfo).port
  }
  const dropSockets = () => {
    for (const socket of sockets) socket.terminate()
  }
  const halt = async () => {
    dropSockets()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  function faultOf(method: string): Fault | undefined {
    const entry = faults.get(method) ?? faults.get('*')
    if (entry === undefined || entry.left === 0) return undefined
    entry.left -= 1
    return entry.fault
  }
  await start()

  return {
    apiUrl: `http://127.0.0.1:${port()}/api/`,
    ...{ calls, messages, whispers, modals, users, sockets, lint, start, halt, dropSockets },
    fail: (method, fault, times = Number.POSITIVE_INFINITY) => void faults.set(method, { fault, left: times }),
    heal: () => faults.clear(),
    async deliver(payload, { type = 'interactive', socket = 0, envelope = randomUUID() } = {}) {
      const open = [...sockets][socket]
      if (open === undefined) throw new Error('no socket is connected')
      const acknowledged = new Promise<Json | undefined>((resolve) => {
        waiting.set(envelope, (answer) => resolve(answer ?? {}))
        setTimeout(() => resolve(undefined), 4_000).unref()
      })
      open.send(JSON.stringify({ envelope_id: envelope, type, payload, accepts_response_payload: true }))
      return await acknowledged
    },
    recycle() {
      for (const socket of sockets) socket.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }))
    },
    requests: () => messages.filter(({ thread }) => thread === undefined),
    threadOf: ({ ts }) => messages.filter(({ thread }) => thread === ts).map(({ blocks }) => JSON.stringify(blocks)),
    async close() {
      wss.close()
      await halt().catch(() => {})
    },
  }
}

export interface Who {
  readonly user?: string
  readonly userTeam?: string
  readonly team?: string
  readonly app?: string
}

/** A click on a button under a message, as Slack delivers it. */
export function clickOn(
  message: PostedMessage,
  actionId: string,
  { user = 'U0ANN', userTeam, team = IDS.team, app = IDS.app, ...over }: Who & Record<string, Json> = {},
): Json {
  const actions = message.blocks.find(({ type }) => type === 'actions')
  const button = actions?.elements.find((one: Json) => one.action_id === actionId) ?? actions?.elements[0]
  return {
    type: 'block_actions',
    ...{ team: { id: team, domain: 'home' }, enterprise: null, is_enterprise_install: false, api_app_id: app },
    ...{
      user: { id: user, username: 'x', team_id: userTeam ?? team },
      trigger_id: `t.${randomUUID()}`,
      token: 'legacy',
    },
    container: { type: 'message', message_ts: message.ts, channel_id: message.channel, is_ephemeral: false },
    channel: { id: message.channel, name: 'approvals' },
    message: { ts: message.ts, text: message.text, blocks: message.blocks },
    actions: [
      { type: 'button', action_id: actionId, block_id: actions?.block_id, value: button?.value, action_ts: '1.1' },
    ],
    ...over,
  }
}

/** A modal that was sent. */
export function submissionOf(
  modal: Json,
  values: Json,
  { user = 'U0ANN', team = IDS.team, app = IDS.app }: Who = {},
): Json {
  return {
    type: 'view_submission',
    ...{ team: { id: team }, enterprise: null, is_enterprise_install: false, api_app_id: app, token: 'legacy' },
    ...{ user: { id: user, team_id: team }, trigger_id: 't.2', response_urls: [] },
    view: { ...modal, id: 'V1', team_id: team, state: { values }, hash: 'h', app_id: app, bot_id: IDS.bot },
  }
}

export const reasonGiven = (value: string) => ({
  countersign_reason: { countersign_reason_text: { type: 'plain_text_input', value } },
})
export const HAS_READ = {
  countersign_read: { countersign_read_all: { type: 'checkboxes', selected_options: [{ value: 'read' }] } },
}

export interface SignOptions {
  readonly secret?: string
  /** Seconds from now. */
  readonly skew?: number
  readonly headers?: Readonly<Record<string, string>>
  /** What is sent instead of what was signed. */
  readonly body?: (signed: string) => string
}

/** Delivers a payload to the gateway's `/slack/events` with Slack's signature. Answers the status. */
export async function deliverSigned(gateUrl: string, payload: Json, options: SignOptions = {}): Promise<number> {
  return (await fetch(new URL('/slack/events', gateUrl), signedRequest(payload, options))).status
}

/** The same bytes and headers can be sent twice. */
export function signedRequest(payload: Json, { secret = TOKENS.signing, skew = 0, headers, body }: SignOptions = {}) {
  const raw = new URLSearchParams(payload.command ? payload : { payload: JSON.stringify(payload) }).toString()
  const timestamp = String(Math.floor(Date.now() / 1000) + skew)
  const mac = createHmac('sha256', secret).update(`v0:${timestamp}:${raw}`).digest('hex')
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${mac}`,
      ...headers,
    },
    body: body?.(raw) ?? raw,
  }
}
