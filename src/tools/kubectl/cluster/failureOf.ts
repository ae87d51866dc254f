import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { listAt, objectAt, textAt } from './apiObject.ts'
import type { ApiRequest } from './apiRequest.ts'
import { isChange } from './sendRequest.ts'

/** Types whose failures quote what is in them. */
const SILENT: ReadonlySet<string> = new Set(['secrets'])

/**
 * What an answer of 300 and more becomes. The server's sentence reaches the agent only where it is about names: messages
 * about values quote them, and those may be secrets of the object that is there.
 */
export function failureOf(status: number, answer: Json | undefined, request: ApiRequest): GateError {
  const reason = textAt(answer, 'reason') ?? ''
  const facts = { status, ...(reason !== '' && { reason }) }
  if (status === 401) return new GateError('ERR_TARGET_CREDENTIALS', { facts })
  if (status >= 300 && status < 400)
    return new GateError('ERR_TARGET_FAILED', { facts, detail: 'It answered with a redirect.' })
  if (status >= 500 && isChange(request) && !isRefusedByWebhook(answer))
    return new GateError('ERR_OUTCOME_UNKNOWN', { facts })
  return new GateError('ERR_KUBECTL_FAILED', { facts, detail: detailOf(status, reason, answer, request) })
}

function detailOf(status: number, reason: string, answer: Json | undefined, { about }: ApiRequest): string {
  const title = reason === '' ? `Status ${status}` : `${status} ${reason}`
  if (SILENT.has(about)) return `${title}, about ${about}; its words are withheld because they may quote values.`
  // About containers and their state: `container "web" in pod "web-1" is waiting to start`.
  if (about === 'pods/log' && reason === 'BadRequest') return `${title}: ${firstLine(textAt(answer, 'message'))}`
  switch (reason) {
    case 'NotFound':
    case 'AlreadyExists':
    case 'Forbidden':
    case 'MethodNotAllowed':
    case 'TooManyRequests':
    case 'Expired': {
      const words = firstLine(textAt(answer, 'message'))
      // An admission plugin writes its own words, which may quote what it refused.
      return `${title}: ${words}`
    }
    case 'Conflict':
    case 'Invalid': {
      const causes = listAt(objectAt(answer, 'details'), 'causes').slice(0, 8).map(wordCause)
      return causes.length === 0 ? `${title}.` : `${title}: ${causes.join('; ')}.`
    }
    default:
      return `${title}.`
  }
}

/** Where, and what kind of mistake: `spec.replicas: must be greater than or equal to 0`. Never the value. */
function wordCause(cause: Json): string {
  const field = textAt(cause, 'field') ?? ''
  const message = firstLine(textAt(cause, 'message'))
  const rule =
    /^(?:Invalid value: (?:"(?:[^"\\]|\\.)*"|-?\d+)|Required value|Forbidden|Duplicate value): (.{1,160})$/.exec(
      message,
    )?.[1]
  const manager = /^conflict with "([^"]{1,80})"/.exec(message)?.[1]
  const why = manager === undefined ? rule : `is set by ${manager}`
  // A sentence of the server's validation, which is about the rule; a difference or a dump has other signs.
  const isPlain =
    manager !== undefined ||
    (why !== undefined && /^(?:must|may|can|cannot|field|is|a|an|no|not) [a-zA-Z0-9 ,.()-]+$/.test(why))
  return `${field}: ${isPlain ? why : (textAt(cause, 'reason') ?? 'refused')}`
}

function firstLine(text = ''): string {
  return (text.split('\n')[0] ?? '').slice(0, 300)
}

/** Admission comes before storage: what it stops did not happen. */
function isRefusedByWebhook(answer: Json | undefined): boolean {
  return /^Internal error occurred: failed calling (?:admission )?webhook/.test(textAt(answer, 'message') ?? '')
}
