import type { Preview } from '../tool.ts'
import type { PreparedRequest } from './preparedRequest.ts'

/**
 * What is known before a request is sent. What a server does with it nobody can foresee: the request itself, which
 * reviewers are shown whole, is what they decide about.
 */
export function previewRequest({ request, settings, effect, idempotencyKey }: PreparedRequest): Preview {
  const { host } = new URL(settings.baseUrl)
  const kind = effect === 'write' ? 'a write: it is sent once, and never repeated' : 'a read'
  const { body } = request
  const lines = [
    `sends ${request.method} to ${host}, ${kind}`,
    ...(body.kind === 'none' ? [] : [`with ${Buffer.byteLength(body.text, 'utf8')} bytes of ${body.contentType}`]),
    ...(effect === 'write' && idempotencyKey === undefined ? ['without an idempotency key'] : []),
  ]
  return { rows: undefined, lines, sample: undefined, missing: [] }
}
