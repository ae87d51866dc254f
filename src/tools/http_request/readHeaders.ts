import { GateError } from '../../errors.ts'
import { HEADER_NAME, isRefusedFromCallers } from './headerNames.ts'
import type { HttpConnection } from './settings.ts'

/** Name in lower case, and value. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

const MAX_VALUE = 2_048

/**
 * The headers of a caller: those the connection allows, each once, with values that are one line of printable ASCII.
 *
 * @throws GateError ERR_HTTP_HEADER
 */
export function readHeaders(
  written: Readonly<Record<string, string>>,
  { allowHeaders, headers, idempotencyHeader }: Pick<HttpConnection, 'allowHeaders' | 'headers' | 'idempotencyHeader'>,
): HeaderPairs {
  const held = new Set([idempotencyHeader, ...Object.keys(headers).map((name) => name.toLowerCase())])
  const seen = new Set<string>()
  return Object.entries(written).map(([writtenName, value]) => {
    const name = writtenName.toLowerCase()
    if (!HEADER_NAME.test(name)) refuse('A name is not letters, digits and "-".')
    if (isRefusedFromCallers(name) || held.has(name) || !allowHeaders.includes(name)) {
      refuse(`Callers cannot set ${name}. They can set: ${allowHeaders.join(', ') || 'none'}.`)
    }
    if (seen.has(name)) refuse(`${name} is there twice.`)
    seen.add(name)
    // Spaces at the ends are not part of a value; a server that keeps them would read another one.
    if (!/^[\x20-\x7e]*$/.test(value) || value !== value.trim()) refuse(`${name}: one line of ASCII text is accepted.`)
    if (value === '' || value.length > MAX_VALUE) refuse(`${name}: empty, or longer than ${MAX_VALUE} characters.`)
    return [name, value] as const
  })
}

function refuse(detail: string): never {
  throw new GateError('ERR_HTTP_HEADER', { detail })
}
