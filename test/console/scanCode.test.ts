import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanCode } from '../../src/console/scanCode.ts'

const kinds = (text: string, language: string) =>
  scanCode(text, language)
    .filter(({ kind }) => kind !== 'plain')
    .map(({ kind, text: part }) => [kind, part])

test.each(['sql', 'diff', 'shell', 'yaml', 'json', 'text', undefined])(
  'no character of a text in %s gets lost or changes its place',
  (language) => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string({ maxLength: 200 }), (start, end) => {
        const text = `${start}\n+ "a\\": 'b' # c\n-1 && ${end}`
        expect(
          scanCode(text, language)
            .map((token) => token.text)
            .join(''),
        ).toBe(text)
      }),
    )
  },
)

test('lines of a diff are told apart by their first character', () => {
  expect(kinds('@@ -1 +1 @@\n-old\n+new\n same\n', 'diff')).toEqual([
    ['comment', '@@ -1 +1 @@\n'],
    ['removed', '-old\n'],
    ['added', '+new\n'],
  ])
})

test('a JSON key and a JSON string look different', () => {
  expect(kinds('{"ref": "main", "n": -1.5, "on": true}', 'json')).toEqual([
    ['name', '"ref"'],
    ['string', '"main"'],
    ['name', '"n"'],
    ['number', '-1.5'],
    ['name', '"on"'],
    ['keyword', 'true'],
  ])
})

test('what joins two commands stands out', () => {
  expect(kinds("systemctl status 'api' | tail -n 5 && id", 'shell')).toEqual([
    ['string', "'api'"],
    ['keyword', '|'],
    ['number', '5'],
    ['keyword', '&&'],
  ])
})

test('keys and comments of YAML', () => {
  expect(kinds('kind: Pod # one\nreplicas: 3\n', 'yaml')).toEqual([
    ['name', 'kind'],
    ['comment', '# one'],
    ['name', 'replicas'],
    ['number', '3'],
  ])
})

test('a long hostile text is scanned in one pass', () => {
  const texts = [
    `"${'\\"'.repeat(50_000)}${"'".repeat(50_001)}`,
    'a'.repeat(200_000),
    '1'.repeat(200_000),
    '"a'.repeat(50_000),
  ]
  for (const text of texts) {
    for (const language of ['shell', 'yaml', 'json']) expect(scanCode(text, language).length).toBeGreaterThan(0)
  }
})
