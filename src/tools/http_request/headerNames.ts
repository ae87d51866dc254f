/** RFC 9110, 5.1, without the characters that gateways and CGI take for others: `x_real_ip` arrives as `X-Real-IP`. */
export const HEADER_NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/

/** What no caller sets, whatever a connection allows, because it changes who asks, what is asked or where it ends. */
const NEVER_FROM_CALLERS = new Set([
  // Framing and the connection itself (RFC 9110, 7.6.1; RFC 9112, 6).
  ...['host', 'content-length', 'transfer-encoding', 'content-encoding', 'connection', 'keep-alive', 'te', 'trailer'],
  ...['upgrade', 'expect', 'via', 'max-forwards', 'http2-settings', 'alt-used', 'early-data'],
  // Who asks.
  ...['authorization', 'cookie', 'cookie2', 'forwarded', 'from', 'origin', 'referer', 'x-real-ip', 'true-client-ip'],
  ...['x-client-ip', 'x-cluster-client-ip', 'cf-connecting-ip', 'fastly-client-ip', 'x-remote-user', 'remote-user'],
  // What is asked: other methods and other paths than the ones that were judged.
  ...[
    'x-method',
    'x-method-override',
    'x-original-url',
    'x-original-uri',
    'x-rewrite-url',
    'x-original-host',
    'x-host',
  ],
  // A part of an answer, or one in another form, is not what masking rules were written for.
  ...['range', 'if-range', 'accept-encoding', 'accept-charset', 'content-range'],
])
const NEVER_BEGINS = ['proxy-', 'sec-', 'x-forwarded', 'x-http-', 'x-original-', 'x-rewrite-', 'x-amz-security-']

/** Whether callers may never set this header; `name` in lower case. */
export function isRefusedFromCallers(name: string): boolean {
  return NEVER_FROM_CALLERS.has(name) || NEVER_BEGINS.some((start) => name.startsWith(start))
}

/** Headers that the client writes itself: not even an operator sets them. */
export function isFraming(name: string): boolean {
  return FRAMING.has(name) || name.startsWith('proxy-')
}

const FRAMING = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'content-encoding', 'content-type', 'connection', 'keep-alive'],
  ...['te', 'trailer', 'upgrade', 'expect', 'accept-encoding', 'range', 'if-range'],
])

/** Headers whose value is a credential: in a configuration only as a reference, from a server never shown. */
export function holdsCredential(name: string): boolean {
  return /(?:^|-)(?:authorization|authentication|auth|cookie|cookie2|token|key|apikey|secret|password|signature|session|sid)(?:-|$)/.test(
    name,
  )
}
