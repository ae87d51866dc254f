import { detectByPattern } from './detector.ts'
import { isStandIn } from './standIn.ts'

/** Credentials in HTTP headers (RFC 9110, RFC 6750, RFC 7617), whole header or scheme and value alone. */
export const authorizationHeaders = [
  detectByPattern({
    name: 'authorization-header',
    anchors: ['authorization'],
    pattern:
      /authorization\\{0,3}["']?[ \t]{0,4}[:=][ \t]{0,4}\\{0,3}["']?(?:(?:Bearer|Basic|Token|ApiKey|Negotiate|SharedKey|AWS4-HMAC-SHA256)[ \t]{1,4})?(?<secret>[^\s"'\\,;]{8,2048})/gi,
    accept: (secret) => /\d/.test(secret) && /[A-Za-z]/.test(secret) && !isStandIn(secret),
  }),
  detectByPattern({
    name: 'bearer-token',
    anchors: ['bearer'],
    pattern: /(?<![A-Za-z0-9])Bearer[ \t]{1,4}(?<secret>[A-Za-z0-9._~+/-]{16,8192}={0,2})/gi,
    accept: (secret) => /\d/.test(secret) && /[A-Za-z]/.test(secret),
  }),
  detectByPattern({
    name: 'basic-credentials',
    anchors: ['basic'],
    pattern: /(?<![A-Za-z0-9])Basic[ \t]{1,4}(?<secret>[A-Za-z0-9+/_-]{6,1024}={0,2})/gi,
    accept: (secret) =>
      /^[\x20-\x7e]{1,512}:[\x20-\x7e]{1,512}$/.test(Buffer.from(secret, 'base64').toString('latin1')),
  }),
] as const
