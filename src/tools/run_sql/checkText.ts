import { GateError } from '../../errors.ts'

/** What a statement may be long, in UTF-8 bytes. The parser's cost grows with it; nobody reviews more. */
const MAX_BYTES = 64 * 1024

/**
 * Stops text that the parser and the server could read differently. A lone surrogate makes the parser see less than the
 * server gets (its WebAssembly binding counts wrongly and cuts the tail off); a NUL ends the text for one and not for the
 * other. `where` names the argument in the message.
 */
export function checkText(text: string, where: 'sql' | 'params'): void {
  if (!text.isWellFormed()) {
    throw new GateError('ERR_SQL_TEXT', { detail: `${where} holds half of a surrogate pair (ill-formed UTF-16).` })
  }
  if (text.includes('\0')) throw new GateError('ERR_SQL_TEXT', { detail: `${where} holds a NUL character.` })
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_BYTES) {
    throw new GateError('ERR_SQL_TOO_LONG', { detail: `${where} has ${bytes} bytes; the limit is ${MAX_BYTES}.` })
  }
}
