import { createHmac } from 'node:crypto'
import { GateError } from '../errors.ts'

const PREFIX = 'whsec_'
/** Bytes, as Standard Webhooks recommends. */
const KEY_BYTES = { least: 24, most: 64 }

/** The key in `whsec_<base64>`. Throws ERR_CONFIG, which names `setting` and nothing of the value. */
export function readWebhookKey(secret: string, setting: string): Uint8Array {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
  const key = Buffer.from(text, 'base64')
  const isBase64 = key.toString('base64') === text
  if (isBase64 && key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most) return key
  throw new GateError('ERR_CONFIG', {
    detail: `${setting}: expected whsec_ and the base64 of 24 to 64 random bytes.`,
  })
}

interface SignedHeaders {
  readonly 'webhook-id': string
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

/**
 * Signs one attempt as Standard Webhooks 1.0 does (https://www.standardwebhooks.com): HMAC-SHA-256 over
 * `id.timestamp.body`. `now` is milliseconds since 1970; the header has seconds.
 */
export function signWebhook(key: Uint8Array, id: string, body: string, now: number): SignedHeaders {
  const timestamp = String(Math.floor(now / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}
