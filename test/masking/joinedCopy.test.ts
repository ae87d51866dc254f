import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { joinedCopyOf } from '../../src/masking/joinedCopy.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { replaceSpans } from '../../src/masking/span.ts'

const CANARY = 'server-held-credential-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOP'
const masker = createMasker(createCredentialDetector([CANARY]), () => {})
const shown = (text: string) => replaceSpans(text, masker.findIn(text))

const wrapped = (text: string, columns: number, end = '\n') =>
  (text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []).join(end)
const bytes = Buffer.from(`user=${CANARY}\n`, 'utf8')

/** As `xxd` writes it. */
function xxd(data: Buffer): string {
  const lines: string[] = []
  for (let at = 0; at < data.length; at += 16) {
    const part = data.subarray(at, at + 16)
    const hex = part.toString('hex').replaceAll(/(.{4})/g, '$1 ')
    lines.push(
      `${at.toString(16).padStart(8, '0')}: ${hex.padEnd(40)} ${part.toString('latin1').replaceAll(/[^ -~]/g, '.')}`,
    )
  }
  return lines.join('\n')
}

/** As `hexdump -C` and `od -tx1` write it. */
const single = (data: Buffer, letters: boolean) =>
  Array.from({ length: Math.ceil(data.length / 16) }, (_, i) => data.subarray(i * 16, i * 16 + 16))
    .map(
      (part, i) =>
        `${(i * 16).toString(letters ? 16 : 8).padStart(letters ? 8 : 7, '0')}  ${[...part]
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join(' ')}${letters ? `  |${part.toString('latin1').replaceAll(/[^ -~]/g, '.')}|` : ''}`,
    )
    .join('\n')

test.each([
  ['base64 in lines of 76', wrapped(bytes.toString('base64'), 76)],
  ['base64 in lines of 64 with CRLF', wrapped(bytes.toString('base64'), 64, '\r\n')],
  ['base64 in lines of 40, indented', wrapped(bytes.toString('base64'), 40, '\n    ')],
  ['base64 after other lines', `-----\nkey:\n${wrapped(bytes.toString('base64'), 60)}\ndone`],
  ['hex in lines of 60', wrapped(bytes.toString('hex'), 60)],
  ['xxd', xxd(bytes)],
  ['hexdump -C', single(bytes, true)],
  ['od -tx1', single(bytes, false)],
])('a credential as %s is hidden', (_, text) => {
  expect(joinedCopyOf(text)).toBeDefined()
  const result = shown(text)
  expect(result).toContain('[masked:server-credential]')
  // Nothing of its middle is left, in whatever line it stood.
  const middle = bytes.subarray(20, 60)
  for (const form of [middle.toString('hex'), middle.toString('base64'), middle.toString('latin1')]) {
    for (let at = 4; at + 12 < form.length - 4; at += 4) expect(result).not.toContain(form.slice(at, at + 12))
  }
})

test('a private key in wrapped base64 of base64 is hidden too', () => {
  const inner = `-----BEGIN PRIVATE KEY-----\n${wrapped(Buffer.alloc(90, 7).toString('base64'), 64)}\n-----END PRIVATE KEY-----\n`
  expect(shown(wrapped(Buffer.from(inner).toString('base64'), 76))).toContain('[masked:')
})

test.each([
  [
    'a listing',
    'total 8\n-rw-r--r-- 1 root root 220 Apr 23  2023 .bash_logout\n-rw-r--r-- 1 root root 807 Apr 23  2023 .profile\n',
  ],
  ['a table of numbers', '0001 12 13 14\n0002 22 23 24\n0003 32 33 34\n'],
  ['checksums', 'd41d8cd98f00b204e9800998ecf8427e  a.txt\n0cc175b9c0f1b6a831c399e269772661  b.txt\n'],
  ['names of pods', 'api-7d9c5b8f6d-abcde-and-more\nworker-66c7d8f9b5-zyxwv-and-more\n'],
])('%s stays as it is', (_, text) => {
  expect(shown(text)).toBe(text)
})

test('a hostile megabyte costs one pass', () => {
  for (const text of [
    'aaaa\n'.repeat(200_000),
    `${'A'.repeat(1_000_000)}\n${'B'.repeat(30)}`,
    '0000: 00 '.repeat(110_000),
    'ab '.repeat(340_000),
  ]) {
    expect(shown(text).length).toBeGreaterThan(0)
  }
})
