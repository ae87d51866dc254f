import { GateError } from '../../errors.ts'
import type { ReadSecret } from '../../settings/secretReference.ts'
import type { HeaderPairs } from './readHeaders.ts'
import type { HttpConnection } from './settings.ts'

/** The headers that the server holds for a connection, with their values as they are now. */
export async function readHeldHeaders(
  headers: HttpConnection['headers'],
  readSecret: ReadSecret,
  alsoSecret: (value: string) => void,
): Promise<HeaderPairs> {
  const pairs: (readonly [string, string])[] = []
  for (const [name, held] of Object.entries(headers)) {
    const value = typeof held === 'string' ? held : await readSecret(held)
    // Two lines would be two headers.
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
      throw new GateError('ERR_SECRET', {
        detail: `The value of the header ${name.toLowerCase()} is not one line of ASCII text.`,
      })
    }
    if (typeof held !== 'string') for (const part of secretParts(value)) alsoSecret(part)
    pairs.push([name.toLowerCase(), value])
  }
  return pairs
}

/** Teaches what is secret inside of the values, as far as they can be read. */
export async function learnHeldSecrets(
  headers: HttpConnection['headers'],
  { readSecret, alsoSecret }: { readonly readSecret: ReadSecret; readonly alsoSecret: (value: string) => void },
): Promise<void> {
  for (const held of Object.values(headers)) {
    if (typeof held === 'string') continue
    const value = await readSecret(held).catch(() => undefined)
    if (value !== undefined) for (const part of secretParts(value)) alsoSecret(part)
  }
}

/** What is secret inside of a value: `Bearer x` holds x, and `Basic` (RFC 7617) holds a password in base64. */
function secretParts(value: string): readonly string[] {
  const [scheme = '', rest] = splitOnce(value, ' ')
  if (rest === undefined) return []
  if (scheme.toLowerCase() !== 'basic') return [rest]
  const decoded = Buffer.from(rest, 'base64').toString('utf8')
  const [, password] = splitOnce(decoded, ':')
  return password === undefined ? [rest] : [rest, decoded, password]
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}
