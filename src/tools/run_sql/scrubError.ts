import { GateError } from '../../errors.ts'
import { ResultTooLarge } from './session/portalQuery.ts'

/**
 * How much of the server's words may be shown. `names`: the statement was only analysed, no row was read, so what the
 * server says about names is safe. `message`: it ran, and nothing protected or unlisted took part. `nothing`: it ran,
 * and a cast, a constraint or a function may have put a protected value into the message.
 */
export type Disclosure = 'names' | 'message' | 'nothing'

const MAX_MESSAGE = 300

/** What of the server's error classes can be said without its message. */
const SENTENCES: Readonly<Record<string, string>> = {
  '0A': 'The server does not support it.',
  '21': 'A subquery gave more than one row.',
  '22': 'A value could not be converted or computed.',
  '23': 'A constraint would be violated.',
  '25': 'The transaction does not allow it.',
  '28': 'The role may not do this.',
  '40': 'It conflicted with another transaction; call again.',
  '42': 'A name or a type in it is wrong, or the role may not use it.',
  '44': 'The row would not be visible through the view.',
  '53': 'The server is out of resources.',
  '54': 'The statement is too complex for the server.',
  '55': 'An object is in use.',
  P0: 'A function raised an error.',
}

/** Turns whatever a session threw into an error an agent may see. Detail, hint, context and query never get through. */
export function scrubError(error: unknown, disclosure: Disclosure, signal: AbortSignal): GateError {
  if (error instanceof GateError) return error
  if (error instanceof ResultTooLarge) return new GateError('ERR_SQL_RESULT_TOO_LARGE', { cause: error })
  if (signal.aborted) return new GateError('ERR_CANCELLED', { cause: error })
  // A mistake of ours, which must not be taken for a lost connection. The driver's own errors are plain ones.
  if (error instanceof TypeError || error instanceof RangeError) return new GateError('ERR_INTERNAL', { cause: error })
  const { code: state, message } = error as { code?: unknown; message?: unknown }
  if (typeof state !== 'string' || !/^[0-9A-Z]{5}$/.test(state) || /^(?:08|57P)/.test(state)) {
    return new GateError('ERR_TARGET_UNAVAILABLE', { cause: error })
  }
  if (state === '57014') return new GateError('ERR_SQL_TIMEOUT', { cause: error })
  if (state === '55P03') return new GateError('ERR_SQL_LOCKED', { cause: error })
  const isNamed = disclosure === 'message' || (disclosure === 'names' && state.startsWith('42'))
  const said = isNamed ? clean(String(message)) : (SENTENCES[state.slice(0, 2)] ?? 'The server refused it.')
  return new GateError('ERR_SQL_FAILED', {
    detail: `${said} (SQLSTATE ${state})`,
    cause: error,
    facts: { sqlstate: state },
  })
}

function clean(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not reach a terminal
  const line = message.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line
}
