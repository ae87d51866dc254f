import { GateError } from '../../errors.ts'
import type { Finding } from '../tool.ts'
import { openDeadline } from './openDeadline.ts'
import { readRequest } from './readRequest.ts'
import { readResponse } from './readResponse.ts'
import { headersOf, sendRead } from './sendRequest.ts'
import type { HttpConnection } from './settings.ts'
import type { Targets } from './targets.ts'

const TIMEOUT_MS = 15_000
/** Shorter credentials are not recognised in outputs (masking/credentials.ts). */
const SHORTEST_CREDENTIAL = 16

/** Asks the base URL for its head, with the headers that the server holds. Throws nothing. */
export async function selfTest(targets: Targets, connectionName: string): Promise<readonly Finding[]> {
  const about = `connections.${connectionName}`
  const deadline = openDeadline(new AbortController().signal, TIMEOUT_MS)
  try {
    const settings = targets.settings(connectionName)
    const target = targets.target(connectionName, settings)
    const held = await target.headers()
    const request = readRequest({ method: 'HEAD', path: '/', query: {}, headers: {} }, settings)
    const response = await sendRead(target, request, headersOf(request, held, []), deadline)
    await readResponse(response, 0)
    const short = held.filter(([name, value]) => isReference(settings, name) && value.length < SHORTEST_CREDENTIAL)
    return [
      verdictOf(response.statusCode, about),
      ...short.map(([name]) => ({
        level: 'warning' as const,
        about: `${about}.headers.${name}`,
        message: `is shorter than ${SHORTEST_CREDENTIAL} characters, so it is not recognised when the target repeats it: use a longer one`,
      })),
    ]
  } catch (error) {
    const message = error instanceof GateError ? error.message : 'it could not be asked'
    return [{ level: 'error', about, message }]
  } finally {
    deadline.close()
  }
}

function verdictOf(status: number, about: string): Finding {
  if (status === 401) return { level: 'error', about, message: "refuses the gateway's own credential (status 401)" }
  // Or only its base URL, where a limited token has no business.
  if (status === 403)
    return { level: 'warning', about, message: "may refuse the gateway's own credential (status 403)" }
  // Many APIs have nothing at their base: that they answer is what counts.
  if (status < 500) return { level: 'ok', about, message: `answers (status ${status} for the base URL)` }
  return { level: 'warning', about, message: `answers with status ${status}` }
}

function isReference({ headers }: HttpConnection, name: string): boolean {
  return Object.entries(headers).some(([held, value]) => held.toLowerCase() === name && typeof value !== 'string')
}
