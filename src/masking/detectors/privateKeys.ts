import type { Span } from '../span.ts'
import { type Detector, detectByPattern } from './detector.ts'

const PEM_START = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g
const PEM_END = '-----END'
/** Where the key itself begins, a sentence that only mentions the marker has words. */
const KEY_MATERIAL = /[A-Za-z0-9+/=]{16}/
const PEM_END_LINE = /-----END [A-Z0-9 ]{1,80}-----/y

/**
 * PEM and PGP private keys (RFC 7468, RFC 9580), whatever separates their lines: line feeds, `\n` as two characters,
 * nothing. A key whose end is missing is hidden up to the end of the text.
 */
const pemPrivateKey: Detector = {
  name: 'private-key',
  anchors: ['private key'],
  find(text) {
    const spans: Span[] = []
    PEM_START.lastIndex = 0
    for (let match = PEM_START.exec(text); match !== null; match = PEM_START.exec(text)) {
      const from = PEM_START.lastIndex
      if (!KEY_MATERIAL.test(text.slice(from, from + 256))) continue
      const end = endOfPem(text, from)
      spans.push({ start: match.index, end, why: 'private-key' })
      PEM_START.lastIndex = end
    }
    return spans
  },
}

function endOfPem(text: string, from: number): number {
  const footer = text.indexOf(PEM_END, from)
  if (footer === -1) return text.length
  PEM_END_LINE.lastIndex = footer
  return PEM_END_LINE.test(text) ? PEM_END_LINE.lastIndex : footer + PEM_END.length
}

export const privateKeys: readonly Detector[] = [
  pemPrivateKey,
  detectByPattern({
    name: 'private-key',
    anchors: ['private-lines:'],
    // PuTTY's own format: base64 lines after a count.
    pattern: /Private-Lines: ?\d{1,4}(?:\r?\n|\\n)(?<secret>[A-Za-z0-9+/=\r\n\\]{16,16384})/g,
  }),
  detectByPattern({
    name: 'jwk-private-key',
    // RFC 7517/7518: the private members of RSA, EC and OKP keys, and the `k` of a symmetric one.
    anchors: ['kty'],
    pattern: /\\{0,3}"(?:d|p|q|dp|dq|qi|k)\\{0,3}"\s{0,8}:\s{0,8}\\{0,3}"(?<secret>[A-Za-z0-9_-]{16,4096})/g,
  }),
  detectByPattern({
    name: 'age-secret-key',
    anchors: ['age-secret-key-1'],
    pattern: /AGE-SECRET-KEY-1[0-9A-Z]{58}/gi,
  }),
]
