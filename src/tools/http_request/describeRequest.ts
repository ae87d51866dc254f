import type { Json } from '../../call.ts'
import type { RequestField } from '../tool.ts'
import type { PreparedRequest } from './preparedRequest.ts'
import { encodeQuery } from './readQuery.ts'

type Literal = RequestField['literals'][number]

/** The request as people read it: the line that is sent, every header by name, and the body laid out. */
export function describeRequest(prepared: PreparedRequest): readonly RequestField[] {
  const { body } = prepared.request
  const headers = headerLines(prepared).join('\n')
  return [
    describeLine(prepared),
    ...(headers === '' ? [] : [field('headers', headers, 'text', [])]),
    ...(body.kind === 'json' ? [describeJson(body.value)] : []),
    ...(body.kind === 'text' ? [field('body', body.text, 'text', [])] : []),
  ]
}

function describeLine({ request: { method, sentPath, query }, settings: { baseUrl } }: PreparedRequest): RequestField {
  const { origin } = new URL(baseUrl)
  const text = `${method} ${origin}${sentPath}`
  let at = text.length - encodeQuery(query).length
  const values = query.map(([key, value]): Literal => {
    const end = at + encodeQuery([[key, value]]).length
    const start = end - encodeQuery([['', value]]).length + 1
    at = end + 1
    return { start, end, name: key }
  })
  return field('request', text, 'text', values)
}

/** What the server holds is shown by name only. */
function headerLines({ request, settings, effect, idempotencyKey }: PreparedRequest): readonly string[] {
  const { headers, body } = request
  return [
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body.kind === 'none' ? [] : [`content-type: ${body.contentType}`]),
    ...(effect === 'write' && idempotencyKey !== undefined ? [`${settings.idempotencyHeader}: ${idempotencyKey}`] : []),
    ...Object.keys(settings.headers).map((name) => `${name.toLowerCase()}: (held by the gateway)`),
  ]
}

function describeJson(value: Json): RequestField {
  const literals: Literal[] = []
  let text = ''
  const write = (part: string) => {
    text += part
  }
  const lay = (inner: Json, name: string, indent: string): void => {
    if (inner === null || typeof inner !== 'object') {
      const start = text.length
      write(JSON.stringify(inner))
      // Without its quotes, so that they stay when it is replaced.
      if (typeof inner === 'string') literals.push({ start: start + 1, end: text.length - 1, name })
      return
    }
    const isList = Array.isArray(inner)
    const [open, close] = isList ? '[]' : '{}'
    const members = Object.entries(inner)
    write(open ?? '')
    for (const [index, [key, member]] of members.entries()) {
      write(`${index === 0 ? '' : ','}\n${indent}  ${isList ? '' : `${JSON.stringify(key)}: `}`)
      lay(member, isList ? name : key, `${indent}  `)
    }
    write(`${members.length === 0 ? '' : `\n${indent}`}${close}`)
  }
  lay(value, '', '')
  return field('body', text, 'json', literals)
}

/** No part of a request is code that could hide as a secret, so detectors look at all of it, and at what has a name. */
function field(name: string, text: string, language: 'json' | 'text', named: readonly Literal[]): RequestField {
  return { name, text, language, hidden: [], literals: [{ start: 0, end: text.length }, ...named] }
}
