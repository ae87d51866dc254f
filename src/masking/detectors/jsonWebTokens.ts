import { detectByPattern } from './detector.ts'

/**
 * JWS and JWE in compact form (RFC 7515, RFC 7516): two to five base64url parts of which the first decodes to a JSON
 * object with an `alg`. The beginnings are those of `{"`, `{ `, and `{` with a line end or tab after it.
 */
export const jsonWebTokens = [
  detectByPattern({
    name: 'jwt',
    anchors: ['eyj', 'eya', 'ewo', 'ewk', 'ew0'],
    pattern: /(?<![A-Za-z0-9_-])(?:eyJ|eyA|ewo|ewk|ew0)[A-Za-z0-9_-]{8,16384}(?:\.[A-Za-z0-9_-]{0,65536}){1,4}/g,
    accept: (token) => headerNamesAlgorithm(token.slice(0, token.indexOf('.'))),
  }),
] as const

function headerNamesAlgorithm(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof header === 'object' && header !== null && 'alg' in header
  } catch {
    return false
  }
}
