import type { Json, MaskNote } from '../../call.ts'
import type { ToolOutput } from '../tool.ts'
import { findPointers } from './findPointers.ts'
import { parseJson } from './parseJson.ts'
import type { HttpRequest } from './readRequest.ts'
import type { ReadBody } from './readResponse.ts'
import type { RawResponse } from './sendRequest.ts'
import type { HttpConnection } from './settings.ts'

/** Headers of answers that every caller sees. Never a cookie, a challenge, or what a server echoes. */
const SHOWN_HEADERS = ['content-type', 'etag', 'location', 'retry-after', 'x-request-id']
const MAX_HEADER = 2_048
/** Half a credential at the end of a text that was cut is not recognised: this much of the end is left out. */
const CUT_MARGIN = 8_192

/** What an answer says, before masking. */
export function describeResponse(
  { statusCode, headers }: RawResponse,
  body: ReadBody,
  request: HttpRequest,
  settings: HttpConnection,
): ToolOutput {
  const content = contentOf(body, contentTypeOf(headers), settings)
  const url = new URL(request.sentPath, settings.baseUrl)
  const shown = shownHeaders(headers, url, settings, content.isWhole)
  const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined
  return {
    table: undefined,
    ...('document' in content && { document: content.document }),
    ...('text' in content && { texts: [{ name: 'body', text: content.text }] }),
    facts: {
      status: statusCode,
      headers: shown,
      ...(isRedirect && {
        note: 'Redirects are not followed; call again with the new path if it is below the base URL.',
      }),
      ...('facts' in content && content.facts),
    },
    command: request.method,
    rowsChanged: undefined,
    truncated: body.end !== 'complete',
    caps: { maxRows: 0, maxBytes: settings.limits.maxBytes },
    masked: 'withheld' in content ? [content.withheld] : [],
  }
}

type Content =
  | { readonly isWhole: boolean; readonly document: NonNullable<ToolOutput['document']> }
  | { readonly isWhole: boolean; readonly text: string }
  | { readonly isWhole: boolean; readonly withheld: MaskNote }
  | { readonly isWhole: boolean; readonly facts: Readonly<Record<string, Json>> }

/**
 * Where masking rules are set they must hold for everything that is shown: a body they cannot be applied to stays here,
 * and so does its length. `isWhole`: nothing of the body was hidden by a rule.
 */
function contentOf({ bytes, end }: ReadBody, { type, charset }: ContentType, { mask }: HttpConnection): Content {
  if (bytes.length === 0) return { isWhole: mask.length === 0, facts: {} }
  const text = isBinaryType(type) ? undefined : decode(bytes, charset, end === 'cap')
  if (
    text !== undefined &&
    end === 'complete' &&
    (isJsonType(type) || mask.length > 0 || /^[ \t\r\n]*[[{]/.test(text))
  ) {
    const parsed = parseJson(text, 'as-text')
    if (parsed.ok) {
      const hidden = findPointers(parsed.value, mask, text.length)?.map(({ pointer, rule }) => ({ pointer, why: rule }))
      if (hidden === undefined) return withheld('too much in it is to be hidden')
      return { isWhole: hidden.length === 0, document: { name: 'body', value: parsed.value, hidden } }
    }
  }
  if (mask.length > 0) {
    return withheld(
      end === 'cap' ? 'larger than masking rules are applied to' : 'not JSON, so masking rules cannot be applied',
    )
  }
  if (text === undefined) return { isWhole: true, facts: { body: 'binary', body_bytes: bytes.length } }
  return { isWhole: true, text: end === 'cap' ? text.slice(0, -CUT_MARGIN) : text }
}

function withheld(why: string): Content {
  return { isWhole: false, withheld: { where: 'body', why, count: 1 } }
}

interface ContentType {
  readonly type: string
  readonly charset: string
}

function contentTypeOf(headers: RawResponse['headers']): ContentType {
  const [type = '', ...parameters] = String(headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length)
  return { type, charset: charset?.replaceAll('"', '') ?? 'utf-8' }
}

function isJsonType(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json')
}

function isBinaryType(type: string): boolean {
  return /^(?:image|audio|video|font|multipart)\/|^application\/(?:octet-stream|zip|gzip|pdf|x-tar|wasm|java-archive)$/.test(
    type,
  )
}

const CHARSETS = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'utf-8'],
  ['iso-8859-1', 'windows-1252'],
  ['latin1', 'windows-1252'],
  ['windows-1252', 'windows-1252'],
])

/** The text of a body; undefined when it is none. Detectors find nothing in a text that was decoded wrongly. */
function decode(bytes: Buffer, charset: string, isCut: boolean): string | undefined {
  const label = CHARSETS.get(charset)
  if (label === undefined) return undefined
  try {
    // A cut may go through a character; its bytes wait for a rest that does not come.
    const text = new TextDecoder(label, { fatal: true }).decode(bytes, { stream: isCut })
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

function shownHeaders(
  headers: RawResponse['headers'],
  url: URL,
  { showHeaders, mask }: HttpConnection,
  isWhole: boolean,
): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {}
  for (const name of new Set([...SHOWN_HEADERS, ...showHeaders])) {
    const value = headers[name]
    if (value === undefined) continue
    const text = (Array.isArray(value) ? value.join(', ') : value).slice(0, MAX_HEADER)
    // A digest of a body confirms guesses about what is hidden in it.
    if (name === 'etag' && mask.length > 0 && !isWhole) continue
    const told = name === 'location' ? showLocation(text, url) : text
    if (told !== undefined) shown[name] = told
  }
  return shown
}

/** A link to another origin often is a credential itself (a signed URL): its query stays here. */
function showLocation(location: string, url: URL): string | undefined {
  if (!URL.canParse(location, url.href)) return undefined
  const { origin, pathname, search } = new URL(location, url)
  if (origin === 'null') return undefined
  if (origin === url.origin) return `${pathname}${search}`
  return `${origin}${pathname}${search === '' ? '' : '?[not shown]'}`
}
