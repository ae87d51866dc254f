import { createHmac, timingSafeEqual } from 'node:crypto'
import { GateError } from '../errors.ts'

/** A request to `/slack/events` as it arrived. */
export interface SignedRequest {
  readonly timestamp: string | undefined
  readonly signature: string | undefined
  /** The exact bytes. */
  readonly body: Buffer
}

/** How far the signed time may be from ours, in either direction. */
const WINDOW_SECONDS = 5 * 60
/** More deliveries than reviewers make in ten minutes. Only who has the secret can fill it; then nothing is accepted. */
const MOST_REMEMBERED = 10_000

/**
 * Checks that Slack signed a request, now, and that it did not arrive before. Throws ERR_SLACK_SIGNATURE.
 *
 * Source: Slack, "Verifying requests from Slack" (v0: HMAC-SHA-256 over `v0:timestamp:body`). Slack's own library accepts
 * timestamps of the future and replays within five minutes; here neither passes.
 */
export function createSignatureCheck(secret: string, clock: () => number): (request: SignedRequest) => void {
  if (secret === '') throw new GateError('ERR_CONFIG', { detail: 'approvals.slack.signingSecret is empty.' })
  /** Signature -> when it may be forgotten, in seconds. In the order of arrival. */
  const seen = new Map<string, number>()

  return ({ timestamp = '', signature = '', body }) => {
    const now = Math.floor(clock() / 1000)
    if (!/^\d{10}$/.test(timestamp) || !/^v0=[0-9a-f]{64}$/.test(signature)) throw new GateError('ERR_SLACK_SIGNATURE')
    if (Math.abs(now - Number(timestamp)) > WINDOW_SECONDS) throw new GateError('ERR_SLACK_SIGNATURE')
    const expected = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')
    if (!timingSafeEqual(Buffer.from(`v0=${expected}`), Buffer.from(signature))) {
      throw new GateError('ERR_SLACK_SIGNATURE')
    }
    for (const [old, until] of seen) {
      if (until > now) break
      seen.delete(old)
    }
    if (seen.has(signature) || seen.size >= MOST_REMEMBERED) throw new GateError('ERR_SLACK_SIGNATURE')
    seen.set(signature, now + 2 * WINDOW_SECONDS + 1)
  }
}
