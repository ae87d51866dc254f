import { createHmac, createPublicKey } from 'node:crypto'
import type { DemoIssuer } from '../../src/demo/issuer.ts'

/** The parts of a genuine token, opened for tampering. */
export function openToken(token: string): {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  signature: string
} {
  const [header = '', claims = '', signature = ''] = token.split('.')
  return { header: decode(header), claims: decode(claims), signature }
}

/** A token of these parts, whatever its signature is worth. */
export function closeToken(header: unknown, claims: unknown, signature: string): string {
  return `${encode(header)}.${encode(claims)}.${signature}`
}

/** RFC 8725 section 2.1: no signature at all. */
export function withAlgorithmNone(token: string, none = 'none'): string {
  const { header, claims } = openToken(token)
  return closeToken({ ...header, alg: none }, claims, '')
}

/** RFC 8725 section 2.1: the public key, taken as a shared secret. */
export function withPublicKeyAsSecret(token: string, issuer: DemoIssuer): string {
  const { header, claims } = openToken(token)
  const unsigned = closeToken({ ...header, alg: 'HS256' }, claims, '').slice(0, -1)
  const pem = createPublicKey({ key: { ...issuer.key.publicJwk }, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  return `${unsigned}.${createHmac('sha256', pem).update(unsigned).digest('base64url')}`
}

/** Changed claims under the old signature. */
export function withOtherClaims(token: string, more: Readonly<Record<string, unknown>>): string {
  const { header, claims, signature } = openToken(token)
  return closeToken(header, { ...claims, ...more }, signature)
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString())
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
