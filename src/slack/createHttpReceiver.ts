import type { App, Receiver } from '@slack/bolt'
import { GateError } from '../errors.ts'
import type { SignedRequest } from './verifySignature.ts'

export interface SlackHttpAnswer {
  readonly status: number
  /** JSON, or undefined for an empty body. */
  readonly body: unknown
}

export interface HttpReceiver extends Receiver {
  /** Answers one request: as soon as it is acknowledged, or three seconds later, when Slack has given up. */
  receive(request: SignedRequest): Promise<SlackHttpAnswer>
}

const ACKNOWLEDGE_MS = 3_000

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Hands signed deliveries of our own HTTP server to Bolt. `check` throws for what Slack did not sign. */
export function createHttpReceiver(check: (request: SignedRequest) => void): HttpReceiver {
  let app: App | undefined
  return {
    init(made) {
      app = made
    },
    async start() {},
    async stop() {},

    async receive(request) {
      check(request)
      const body = readBody(request.body)
      // How Slack learns that the address is ours, once, when it is configured.
      if (body.type === 'url_verification') return { status: 200, body: { challenge: String(body.challenge) } }
      return await new Promise((resolve) => {
        const late = setTimeout(() => resolve({ status: 503, body: undefined }), ACKNOWLEDGE_MS)
        const answer = (status: number, content: unknown) => {
          clearTimeout(late)
          resolve({ status, body: content === '' ? undefined : content })
        }
        const ack = async (content?: unknown) => answer(200, content)
        const handled = app?.processEvent({ body, ack }) ?? Promise.resolve()
        // Acknowledged deliveries have their answer already; nobody took the others.
        handled.then(
          () => answer(404, undefined),
          () => answer(500, undefined),
        )
      })
    },
  }
}

/** Interactions come as a form with JSON in it, commands as a form, everything else as JSON. */
function readBody(bytes: Buffer): Record<string, unknown> {
  try {
    const text = UTF8.decode(bytes)
    if (text.startsWith('{')) return requireObject(JSON.parse(text))
    const form = new URLSearchParams(text)
    const payload = form.getAll('payload')
    if (payload.length > 1) throw new TypeError('two payloads')
    return payload[0] === undefined ? Object.fromEntries(form) : requireObject(JSON.parse(payload[0]))
  } catch (cause) {
    throw new GateError('ERR_BODY_MALFORMED', { cause })
  }
}

function requireObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Record<string, unknown>
}
