import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { DETECTORS } from '../../src/masking/detectors/detectors.ts'
import { findSecrets } from '../../src/masking/findSecrets.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskString } from '../../src/masking/maskValue.ts'
import { replaceSpans } from '../../src/masking/span.ts'

/** In pieces, so that scanners of this repository's own text find no secret in it. */
interface SecretCase {
  readonly detector: string
  readonly text: readonly string[]
  readonly hidden: readonly (readonly string[])[]
}

const secrets: readonly SecretCase[] = JSON.parse(readFileSync('test/masking/corpus/secrets.json', 'utf8'))
const ordinary: readonly string[] = JSON.parse(readFileSync('test/masking/corpus/ordinary.json', 'utf8'))
const masker = createMasker(createCredentialDetector([]), () => {})

function masked(text: string): { readonly text: string; readonly why: readonly string[] } {
  const why: string[] = []
  return { text: maskString(text, undefined, masker, (reason) => why.push(reason)), why }
}

test.each(secrets.map((row) => [row.detector, row.text.join(''), row.hidden.map((part) => part.join(''))] as const))(
  '%s is hidden in %j',
  (detector, text, hidden) => {
    const result = masked(text)
    expect(result.why).toContain(detector)
    for (const part of hidden) expect(result.text).not.toContain(part)
  },
)

test.each(ordinary)('ordinary text stays as it is: %j', (text) => {
  expect(masked(text).text).toBe(text)
})

test('both corpora are as large as promised, and every detector is in them', () => {
  const caught = secrets.filter(({ text }) => masked(text.join('')).why.length > 0).length
  const touched = ordinary.filter((text) => masked(text).text !== text).length
  console.log(
    `masking corpora: ${caught} of ${secrets.length} secrets hidden, ${touched} of ${ordinary.length} ordinary texts touched`,
  )
  expect(secrets.length).toBeGreaterThanOrEqual(120)
  expect(ordinary.length).toBeGreaterThanOrEqual(200)
  expect(caught).toBe(secrets.length)
  expect(touched).toBe(0)
  const named = new Set(secrets.map(({ detector }) => detector))
  expect(DETECTORS.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([])
})

test('what stands around a secret stays readable', () => {
  const text = 'host=db password=hunter2! dbname=app'
  expect(masked(text).text).toBe('host=db password=[masked:password-assignment] dbname=app')
  expect(masked('postgres://app:Tr0ub4dor@db:5432/app').text).toBe('postgres://app:[masked:url-password]@db:5432/app')
})

test('about two in a hundred random 16-digit numbers look like a card, and no more', () => {
  let state = 1n
  let hits = 0
  for (let i = 0; i < 20_000; i++) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
    hits += findSecrets(String(((state >> 8n) % 9_000_000_000_000_000n) + 1_000_000_000_000_000n)).length
  }
  expect(hits / 20_000).toBeLessThan(0.03)
  expect(hits).toBeGreaterThan(0)
})

test.each(DETECTORS.filter((detector) => 'pattern' in detector).map((d) => [d.name, d] as const))(
  'every quantifier of %s is bounded, and none stands inside another that repeats more than 32 times',
  (_, detector) => {
    const source = 'pattern' in detector && detector.pattern instanceof RegExp ? detector.pattern.source : ''
    expect(quantifierProblems(source)).toEqual([])
  },
)

test('the check of quantifiers sees unbounded and nested ones', () => {
  expect(quantifierProblems('a+')).toHaveLength(1)
  expect(quantifierProblems('[a*]b*')).toHaveLength(1)
  expect(quantifierProblems('a{3,}')).toHaveLength(1)
  expect(quantifierProblems('(?:a{1,64}b){1,64}')).toHaveLength(1)
  expect(quantifierProblems('(?:[a+]{1,64}\\*){0,4}')).toEqual([])
})

/** A hostile megabyte for each detector: its beginnings again and again, and never an end. */
const HOSTILE: readonly string[] = [
  '-----BEGIN RSA PRIVATE KEY-----',
  '-----BEGIN A B C PRIVATE KEY ',
  '"kty""d":"',
  'eyJ',
  'eyJaaaaaaaa.',
  '.eyJhbGciOiJIUzI1NiJ9',
  'AKIA',
  `AKIA${'A'.repeat(16)} `,
  'secret_access_key"""""""""""',
  'ghp_',
  `ghp_${'a'.repeat(36)} `,
  'ghs_1_',
  'github_pat_',
  'glpat-',
  'xoxb-aaaaaaaaaaaa-',
  'sk-',
  'sk-aaaaaaaaaaaaaaaaaaaa ',
  'Authorization: Bearer ',
  'Authorization:aaaaaaaa',
  'Bearer aaaaaaaaaaaaaaaa ',
  'Basic YWFh ',
  'a://',
  'a://a:',
  'a://a:b://',
  'password=',
  'password="',
  'password=$',
  'password: aaaa ',
  "password '",
  'token: current-context ',
  'ssn ',
  '$2b$12$',
  '$6$a$',
  '4111 ',
  '41111111',
  '4111111111111112 ',
  'a',
  'aA1/',
  '0a',
  '\u200b',
  'a\u200b',
  '\uff21\uff2b',
  '{"a":',
  '[',
  '\\u0041',
  '\ud800',
]

test.each(HOSTILE)('a hostile megabyte of %j is judged to its end', (piece) => {
  const text = piece.repeat(Math.ceil(2 ** 20 / piece.length))
  const spans = findSecrets(text)
  // Judged to the end: the text with its spans hidden can be put together, and nothing overflowed on the way.
  expect(replaceSpans(text, spans).length).toBeGreaterThan(0)
})

/** What is wrong with the quantifiers of a pattern: a small reader of regular expression syntax. */
function quantifierProblems(source: string): readonly string[] {
  const problems: string[] = []
  const groups: number[] = []
  let inner = 1
  let last = 1
  for (let i = 0; i < source.length; i++) {
    const rest = source.slice(i)
    const character = rest[0]
    if (character === '\\') {
      i += rest.match(/^\\(?:k<\w+>|p\{\w+\}|.)/s)?.[0].length ?? 2
      i--
      last = 1
    } else if (character === '[') {
      i += (rest.match(/^\[(?:\\.|[^\]\\])*\]/s)?.[0].length ?? 1) - 1
      last = 1
    } else if (character === '(') {
      groups.push(inner)
      inner = 1
      i += (rest.match(/^\((?:\?(?::|=|!|<=|<!|<\w+>))?/)?.[0].length ?? 1) - 1
    } else if (character === ')') {
      last = inner
      inner = Math.max(groups.pop() ?? 1, inner)
    } else if (character === '*' || character === '+') problems.push(`unbounded ${character} at ${i}`)
    else if (character === '{') {
      const [whole = '{', low, comma, high] = rest.match(/^\{(\d+)(,?)(\d*)\}/) ?? []
      if (comma !== '' && high === '') problems.push(`unbounded ${whole} at ${i}`)
      const most = Number(high || low)
      if (last > 32 && most > 32) problems.push(`${whole} at ${i} repeats what repeats ${last} times`)
      inner = Math.max(inner, most)
      i += whole.length - 1
    } else last = 1
  }
  return problems
}
