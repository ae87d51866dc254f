import type { Json, StartedCall } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { Report, ToolOutput } from '../tool.ts'
import { describeResponse } from './describeResponse.ts'
import { type Deadline, openDeadline } from './openDeadline.ts'
import type { PreparedRequest } from './preparedRequest.ts'
import type { HeaderPairs } from './readHeaders.ts'
import { type ReadBody, readResponse } from './readResponse.ts'
import { explainFailure, headersOf, type RawResponse, sendRead, sendWrite } from './sendRequest.ts'
import type { HttpConnection } from './settings.ts'
import type { Target, Targets } from './targets.ts'

interface Running {
  readonly call: StartedCall
  readonly beforeCommit: (outcomeRef: Json) => Promise<void>
  readonly signal: AbortSignal
  readonly report?: Report | undefined
}

/** Sends exactly what was understood, once, and reads the answer. A read is sent again when its credential was rotated. */
export async function executeRequest(
  prepared: PreparedRequest,
  targets: Targets,
  { call, beforeCommit, signal, report }: Running,
): Promise<ToolOutput> {
  const { connectionName, settings, effect } = prepared
  if (call.constraints.maxRows !== undefined) throw new GateError('ERR_HTTP_ROWS')
  const target = targets.target(connectionName, settings)
  const deadline = openDeadline(signal, settings.limits.timeout)
  try {
    const held = await target.headers()
    if (effect === 'read') return await read(prepared, target, held, deadline, report)
    // From here on a crash leaves an outcome that nobody can look up.
    await beforeCommit({ sent: true })
    return await write(prepared, target, held, deadline, report)
  } finally {
    deadline.close()
  }
}

async function read(
  { request, settings }: PreparedRequest,
  target: Target,
  held: HeaderPairs,
  deadline: Deadline,
  report: Report | undefined,
): Promise<ToolOutput> {
  let response = await sendRead(target, request, headersOf(request, held, []), deadline)
  if (isRefused(response, settings) && (await target.refreshHeaders())) {
    await readResponse(response, 0)
    response = await sendRead(target, request, headersOf(request, await target.headers(), []), deadline)
  }
  const body = await receive(response, settings, report)
  if (body.end === 'unreadable') throw new GateError('ERR_HTTP_RESPONSE', { cause: body.cause })
  if (body.end === 'lost') throw explainFailure(body.cause, deadline)
  if (isRefused(response, settings)) throw new GateError('ERR_TARGET_CREDENTIALS')
  return describeResponse(response, body, request, settings)
}

async function write(
  { request, settings, idempotencyKey }: PreparedRequest,
  target: Target,
  held: HeaderPairs,
  deadline: Deadline,
  report: Report | undefined,
): Promise<ToolOutput> {
  const extra: HeaderPairs = idempotencyKey === undefined ? [] : [[settings.idempotencyHeader, idempotencyKey]]
  const { response, close } = await sendWrite(target, request, headersOf(request, held, extra), deadline)
  try {
    // The status is known: whatever becomes of the body, so is the outcome.
    const body = await receive(response, settings, report)
    if (isRefused(response, settings)) {
      await target.refreshHeaders()
      throw new GateError('ERR_TARGET_CREDENTIALS')
    }
    return describeResponse(response, body, request, settings)
  } finally {
    await close()
  }
}

/** Laid out for people, JSON is larger than what is shown of it. */
const RAW_FACTOR = 4
const RAW_EXTRA = 64 * 1024

function receive(response: RawResponse, { limits }: HttpConnection, report: Report | undefined): Promise<ReadBody> {
  report?.(`answered with status ${response.statusCode}, reading the answer`)
  return readResponse(response, limits.maxBytes * RAW_FACTOR + RAW_EXTRA)
}

/** The target does not accept what the gateway holds. Without such a header a 401 is an answer like others. */
function isRefused({ statusCode }: RawResponse, { headers }: HttpConnection): boolean {
  return statusCode === 401 && Object.values(headers).some((value) => typeof value !== 'string')
}
