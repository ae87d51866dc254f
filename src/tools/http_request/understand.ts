import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { ToolArguments, Understanding } from '../tool.ts'
import { describeRequest } from './describeRequest.ts'
import { executeRequest } from './execute.ts'
import { leafPointers } from './findPointers.ts'
import { queryFact, UNSEEN_KEYS } from './matchKeys.ts'
import type { PreparedRequest } from './preparedRequest.ts'
import { previewRequest } from './preview.ts'
import type { HttpBody } from './readBody.ts'
import { readRequest, type WrittenRequest } from './readRequest.ts'
import type { HttpConnection } from './settings.ts'
import type { Targets } from './targets.ts'

/** Reads the arguments. Connects to nothing. */
export function understand(
  targets: Targets,
  written: WrittenRequest & Pick<ToolArguments, 'idempotency_key'>,
  connectionName: string,
): Understanding {
  const settings = targets.settings(connectionName)
  const request = readRequest(written, settings)
  const effect = settings.readMethods.includes(request.method) ? 'read' : 'write'
  const prepared: PreparedRequest = {
    request,
    connectionName,
    settings,
    effect,
    idempotencyKey: written.idempotency_key,
  }
  const { method, path, query, sentPath, headers, body } = request
  return {
    effect,
    operations: [
      {
        operation: method,
        otherwise: 'deny',
        facts: {
          method,
          path,
          query: queryFact(query),
          // Policy looks for a fact under the name of the match key.
          ...(body.kind !== 'none' && { bodyMatches: bodyFact(body) }),
          bodyKeys: keysOf(body),
        },
      },
    ],
    judged: [
      ...[method, sentPath, headers, body.kind, ...(body.kind === 'none' ? [] : [body.contentType, body.text])],
      // It is sent, and reviewers see it: with another key it is another request.
      effect === 'write' ? (prepared.idempotencyKey ?? null) : null,
      effect,
    ],
    target: targetOf(connectionName, settings),
    request: describeRequest(prepared),
    preview: async () => previewRequest(prepared),
    execute: (call, beforeCommit, signal, report) =>
      executeRequest(prepared, targets, { call, beforeCommit, signal, report }),
    release: async () => {},
  }
}

/** A text that could be read as JSON is none to the server, and must not look like it to a rule. */
function bodyFact(body: HttpBody & { readonly kind: 'json' | 'text' }): string {
  return body.kind === 'json' ? body.text : `${UNSEEN_KEYS} ${body.text}`
}

function keysOf(body: HttpBody): readonly string[] | string {
  if (body.kind === 'text') return UNSEEN_KEYS
  if (body.kind === 'none') return []
  const pointers = leafPointers(body.value, body.text.length)
  if (pointers === undefined) throw new GateError('ERR_HTTP_REQUEST', { detail: 'body: its keys are too long.' })
  return pointers
}

function targetOf(
  connection: string,
  { baseUrl, headers, allowPrivate, tls, mask, idempotencyHeader }: HttpConnection,
): Json {
  const held = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : { ...value }])
  return { connection, baseUrl, headers: held, allowPrivate, ca: tls.ca ?? null, mask, idempotencyHeader }
}
