import { describe, expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskFreeText } from '../../src/masking/maskText.ts'
import { unescapedCopiesOf } from '../../src/masking/unescapedCopy.ts'

const CREDENTIAL = 'kx9+canary/of=the<deploy>&"api"4711'
const masker = createMasker(createCredentialDetector([CREDENTIAL]), () => {})

const asHex = (character: string, digits: number) => character.charCodeAt(0).toString(16).padStart(digits, '0')
const each = (marks: RegExp, write: (character: string) => string) => CREDENTIAL.replace(marks, write)

const forms: readonly (readonly [string, string])[] = [
  ['slashes and quotes with backslashes', each(/[/"]/g, (c) => `\\${c}`)],
  ['marks as \\u00xx', each(/[^a-z0-9]/g, (c) => `\\u${asHex(c, 4)}`)],
  [
    'marks as \\u00XX, the slash with a backslash',
    each(/[^a-z0-9]/g, (c) => (c === '/' ? '\\/' : `\\u${asHex(c, 4).toUpperCase()}`)),
  ],
  ['everything as \\xXX', each(/./g, (c) => `\\x${asHex(c, 2)}`)],
  ['URL-encoded but for the slash', encodeURIComponent(CREDENTIAL).replaceAll('%2F', '/')],
  ['everything URL-encoded', each(/./g, (c) => `%${asHex(c, 2)}`)],
  [
    'marks as names of HTML',
    CREDENTIAL.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  ],
  ['marks as numbers of HTML', each(/[^a-z0-9]/g, (c) => `&#${c.charCodeAt(0)};`)],
  ['marks as hexadecimal numbers of HTML', each(/[^a-z0-9]/g, (c) => `&#x${asHex(c, 2).toUpperCase()};`)],
  ['JSON in JSON', JSON.stringify(JSON.stringify({ a: CREDENTIAL }))],
  ['a URL in JSON in JSON', JSON.stringify(JSON.stringify({ a: each(/[+/]/g, (c) => `%${asHex(c, 2)}`) }))],
]

describe('a credential of the server is found as encoders write it', () => {
  test.each(forms)('%s', (_, form) => {
    const masked = maskFreeText(`before \\t 100% & ${form} after %41`, masker)
    expect(masked).toContain('[masked:server-credential]')
    expect(masked).toMatch(/^before \\t 100% & .* after %41$/)
    expect(masked).not.toContain('canary')
  })
})

test('what is found is exactly the part that it stands in, escapes before and behind it included', () => {
  const form = CREDENTIAL.replaceAll('/', '\\/')
  expect(maskFreeText(`\\/\\/${form}\\/${form}%2F`, masker)).toBe(
    '\\/\\/[masked:server-credential]\\/[masked:server-credential]%2F',
  )
})

test('a text without escapes has no copy, and escapes are read three times at most', () => {
  expect(unescapedCopiesOf('100 % of \\ and & are no escapes')).toEqual([])
  expect(unescapedCopiesOf(`%25${'25'.repeat(8)}41`).map(({ text }) => text.length)).toEqual([19, 17, 15])
  expect(unescapedCopiesOf('%41&#66;\\u0043').map(({ text }) => text)).toEqual(['ABC'])
})
