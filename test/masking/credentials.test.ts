import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskFreeText } from '../../src/masking/maskText.ts'

const CREDENTIAL = 'korrekt "pferd"+batterie/heft'
const SECOND = 'zweites-geheimnis-0002'
const detector = createCredentialDetector([CREDENTIAL, SECOND, 'short-one'])
const bytes = Buffer.from(CREDENTIAL)

const forms: readonly (readonly [string, string])[] = [
  ['as it is', CREDENTIAL],
  ['in base64', bytes.toString('base64')],
  ['in base64 behind one other byte', Buffer.concat([Buffer.from('u'), bytes]).toString('base64')],
  ['in base64 behind two other bytes', Buffer.concat([Buffer.from('u:'), bytes]).toString('base64')],
  ['in base64url', bytes.toString('base64url')],
  ['in hex', bytes.toString('hex')],
  ['in upper-case hex', bytes.toString('hex').toUpperCase()],
  ['URL-encoded', encodeURIComponent(CREDENTIAL)],
  ['form-encoded', new URLSearchParams({ p: CREDENTIAL }).toString().slice(2)],
  ['JSON-escaped', JSON.stringify({ p: CREDENTIAL })],
]

test.each(forms)('a server-held credential is found %s, wherever it stands in a text', (_, form) => {
  for (const before of ['', ' ', 'x'.repeat(13), '\n'.repeat(40)]) {
    expect(detector.find(`${before}${form} and more`)).not.toEqual([])
  }
})

test('every occurrence of every credential is found, at its place', () => {
  const text = `a ${CREDENTIAL} b ${SECOND}${SECOND} c`
  expect(detector.find(text).map(({ start, end }) => text.slice(start, end))).toEqual([CREDENTIAL, SECOND, SECOND])
})

test('a credential cut short, and one of fewer than 16 characters, are not looked for: a hit would confirm a guess', () => {
  expect(detector.find(CREDENTIAL.slice(0, -1))).toEqual([])
  expect(detector.find('the value is short-one')).toEqual([])
  expect(createCredentialDetector(['fifteen-letters']).find('fifteen-letters')).toEqual([])
})

test('white space around a credential, as files have it, is not part of it', () => {
  expect(createCredentialDetector([` ${SECOND}\n`]).find(`(${SECOND})`)).toHaveLength(1)
  expect(createCredentialDetector([`short${' '.repeat(20)}`]).find(`short${' '.repeat(20)}`)).toEqual([])
})

test('the lines of a multi-line key are found one by one', () => {
  const line = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ'
  const key = createCredentialDetector([`-----BEGIN X-----\n${line}\n-----END X-----\n`])
  expect(key.find(`> ${line} <`)).toHaveLength(1)
  expect(key.find('-----BEGIN X-----')).toEqual([])
})

test('invisible characters and full-width letters inside a credential do not hide it', () => {
  const masker = createMasker(detector, () => {})
  expect(maskFreeText(`it is ${SECOND.replace('-', '\u200b-')}!`, masker)).toBe('it is [masked:server-credential]!')
  const fullWidth = SECOND.replace('z', '\uff5a')
  expect(maskFreeText(fullWidth, masker)).toBe('[masked:server-credential]')
})

test('a hit is reported once for each call, however often the credential stands in it', () => {
  let hits = 0
  const call = createMasker(detector, () => hits++)
  maskFreeText('nothing here', call)
  expect(hits).toBe(0)
  maskFreeText(`${CREDENTIAL} ${CREDENTIAL}`, call)
  call.findCredentialsIn(SECOND)
  expect(hits).toBe(1)
  createMasker(detector, () => hits++).findIn(SECOND)
  expect(hits).toBe(2)
})

test('a hundred credentials are looked for in a megabyte without a look at each for every character', () => {
  const many = createCredentialDetector(Array.from({ length: 100 }, (_, i) => `credential-number-${i}-${i * 7919}`))
  const text = `${'x'.repeat(2 ** 20)}credential-number-99-${99 * 7919}`
  expect(many.find(text)).toHaveLength(1)
})
