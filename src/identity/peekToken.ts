import { GateError } from '../errors.ts'

/** Entra tokens with 200 groups are about 10 KB. Longer input is refused before anything parses it. */
const LONGEST_TOKEN = 16 * 1024

export type Claims = Readonly<Record<string, unknown>>

/** What a token says about itself before its signature is checked: good for choosing keys and refusals, nothing else. */
export interface PeekedToken {
  readonly header: Claims
  readonly claims: Claims
}

/** Splits a compact JWS (RFC 7515 section 7.1). Throws ERR_TOKEN_TOO_LARGE or ERR_TOKEN_MALFORMED. */
export function peekToken(token: string): PeekedToken {
  if (token.length > LONGEST_TOKEN) throw new GateError('ERR_TOKEN_TOO_LARGE')
  const parts = token.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw new GateError('ERR_TOKEN_MALFORMED')
  }
  // An empty signature is let through to be refused by its `alg`, which says more.
  if (!/^[A-Za-z0-9_-]*$/.test(signature)) throw new GateError('ERR_TOKEN_MALFORMED')
  return { header: parseObject(header), claims: parseObject(payload) }
}

function parseObject(part: string): Claims {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) throw new GateError('ERR_TOKEN_MALFORMED')
  return parseClaims(Buffer.from(part, 'base64url'))
}

/** Reads UTF-8 JSON that must be an object. Throws ERR_TOKEN_MALFORMED. */
export function parseClaims(bytes: Uint8Array): Claims {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The parser's message quotes the token, so it goes no further.
    throw new GateError('ERR_TOKEN_MALFORMED')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new GateError('ERR_TOKEN_MALFORMED')
  return value as Claims
}
