import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import { findJsonProblem, type JsonProblem, parseJson } from './parseJson.ts'
import { isMethodOverride } from './readQuery.ts'
import type { Method } from './settings.ts'

/** A body as it was judged and is sent: JSON is written anew from the value that was looked at. */
export type HttpBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: Json; readonly text: string; readonly contentType: string }
  | { readonly kind: 'text'; readonly text: string; readonly contentType: string }

/** Texts that are not JSON, and of which no server makes several parts. */
const TEXT_TYPE =
  /^(?:text\/[a-z0-9.+-]{1,64}|application\/(?:xml|yaml|x-yaml|x-ndjson|graphql|sql|toml|x-www-form-urlencoded|[a-z0-9.-]{1,64}\+(?:xml|yaml)))(?:; ?charset=utf-8)?$/i
const JSON_TYPE = /^(?:application\/json|application\/[a-z0-9.-]{1,64}\+json|text\/json)(?:; ?charset=utf-8)?$/i

/**
 * The body of a request. A text that is a JSON object or array is read as JSON unless its content type says that it is
 * none, so that rules about the body see into it.
 *
 * @param contentType what the caller set, if anything
 * @throws GateError ERR_HTTP_REQUEST
 */
export function readBody(
  method: Method,
  body: Json | undefined,
  contentType: string | undefined,
  maxBytes: number,
): HttpBody {
  if (body === undefined) {
    if (contentType !== undefined) refuse('a content-type without a body.')
    return { kind: 'none' }
  }
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') refuse(`${method} has no body.`)
  const read = typeof body === 'string' ? readText(body, contentType) : readValue(body, contentType)
  if (Buffer.byteLength(read.text, 'utf8') > maxBytes) refuse(`larger than ${maxBytes} bytes.`)
  return read
}

function readValue(value: Json, contentType = 'application/json'): HttpBody & { kind: 'json' } {
  if (!JSON_TYPE.test(contentType))
    refuse('a JSON value has a JSON content-type; for another one, give the body as text.')
  const problem = findJsonProblem(value)
  if (problem !== undefined) refuse(PROBLEMS[problem])
  if (typeof value === 'object' && value !== null && Object.keys(value).some(isMethodOverride)) {
    refuse('a key means another method to some servers.')
  }
  return { kind: 'json', value, text: JSON.stringify(value), contentType }
}

function readText(text: string, contentType: string | undefined): HttpBody & { kind: 'json' | 'text' } {
  if (!text.isWellFormed()) refuse('half a character.')
  const isDeclared = contentType !== undefined && JSON_TYPE.test(contentType)
  if (isDeclared || (contentType === undefined && /^[ \t\r\n]*[[{]/.test(text))) {
    const parsed = parseJson(text, 'refuse')
    if (parsed.ok) return readValue(parsed.value, contentType)
    if (isDeclared || parsed.problem !== 'syntax') refuse(PROBLEMS[parsed.problem])
  }
  const type = contentType ?? 'text/plain; charset=utf-8'
  if (!TEXT_TYPE.test(type)) refuse('this content-type is not accepted: JSON, text, XML, YAML or a form is.')
  // Some servers take `;` for `&`.
  if (
    /form-urlencoded/i.test(type) &&
    [...new URLSearchParams(text.replaceAll(';', '&')).keys()].some(isMethodOverride)
  ) {
    refuse('a key means another method to some servers.')
  }
  return { kind: 'text', text, contentType: type }
}

const PROBLEMS: Readonly<Record<JsonProblem, string>> = {
  syntax: 'not valid JSON.',
  depth: 'nested too deep.',
  'duplicate-key': 'a key is there twice in one object.',
  number: 'a number would lose digits on its way: send it as text.',
}

function refuse(what: string): never {
  throw new GateError('ERR_HTTP_REQUEST', { detail: `body: ${what}` })
}
