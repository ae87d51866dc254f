import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { mask, maskPreview } from '../../src/masking/mask.ts'
import { createMasker } from '../../src/masking/masker.ts'
import type { ToolOutput } from '../../src/tools/tool.ts'

const CANARY = 'server-held-credential-0123456789'
const masker = createMasker(createCredentialDetector([CANARY]), () => {})

function masked(output: Partial<ToolOutput>) {
  const caps = { maxRows: 10, maxBytes: 1_000 }
  const base = { table: undefined, command: 'GET', rowsChanged: undefined, truncated: false, caps, masked: [] }
  const { result, masked: notes } = mask({ ...base, ...output }, masker)
  return { result: result as Record<string, unknown>, notes }
}

test('a secret in a text is replaced before the text is cut', () => {
  const text = `${'x'.repeat(980)}${CANARY}`
  const { result } = masked({ texts: [{ name: 'stdout', text }] })
  expect(result.stdout).not.toContain(CANARY.slice(0, 8))
  expect(result.truncated).toBe(true)
})

test('a text that fits is whole, and says so', () => {
  const { result } = masked({ texts: [{ name: 'stdout', text: 'ok\n' }], facts: { exit_code: 0 } })
  expect(result).toMatchObject({ stdout: 'ok\n', exit_code: 0, truncated: false, command: 'GET' })
})

test('the cap is for all texts together, and cuts no character in two', () => {
  const { result } = masked({
    texts: [
      { name: 'stdout', text: 'é'.repeat(400) },
      { name: 'stderr', text: '漢'.repeat(400) },
    ],
  })
  expect(result.stdout).toBe('é'.repeat(400))
  expect(result.stderr).toBe('漢'.repeat(66))
  expect(result.truncated).toBe(true)
})

test('a member that its tool hides is replaced whole, null included, and the rest is searched', () => {
  const value = { users: [{ email: null, name: 'a' }], note: `key ${CANARY}` }
  const { result, notes } = masked({
    document: { name: 'body', value, hidden: [{ pointer: '/users/0/email', why: 'users.email' }] },
  })
  expect(result.body).toMatchObject({ users: [{ email: '[masked:users.email]', name: 'a' }] })
  expect(JSON.stringify(result)).not.toContain(CANARY)
  expect(notes).toContainEqual({ where: 'body/users/*/email', why: 'users.email', count: 1 })
})

test('keys with a slash or a tilde are found, and a hidden part may lie in another', () => {
  const { result } = masked({
    document: {
      name: 'body',
      value: { 'a/b': { 'c~d': 1 }, keep: 2 },
      hidden: [
        { pointer: '/a~1b', why: 'outer' },
        { pointer: '/a~1b/c~0d', why: 'inner' },
      ],
    },
  })
  expect(result.body).toEqual({ 'a/b': '[masked:outer]', keep: 2 })
})

test('the whole document can be hidden', () => {
  const { result } = masked({ document: { name: 'body', value: [1], hidden: [{ pointer: '', why: 'all' }] } })
  expect(result.body).toBe('[masked:all]')
})

test.each(['/no', '/users/7', '/users/0/email/x', '/__proto__', 'users'])(
  'a pointer that leads nowhere (%s) withholds the output',
  (pointer) => {
    const value = { users: [{ email: 'a' }] }
    expect(() => masked({ document: { name: 'body', value, hidden: [{ pointer, why: 'x' }] } })).toThrow(
      expect.objectContaining({ code: 'ERR_MASKING' }),
    )
  },
)

test('a document above the cap comes as the beginning of its masked text', () => {
  const { result } = masked({ document: { name: 'body', value: { a: CANARY, b: 'y'.repeat(2_000) }, hidden: [] } })
  expect(typeof result.body).toBe('string')
  expect(result.body).toMatch(/^\{"a":"\[masked:/)
  expect(Buffer.byteLength(String(result.body))).toBeLessThanOrEqual(1_000)
  expect(result.truncated).toBe(true)
})

test('a fact that holds a credential is masked, and no fact stands in for what the gate says itself', () => {
  const { result } = masked({
    facts: { url: `https://x/${CANARY}`, truncated: false, command: 'SPOOF' },
    truncated: true,
  })
  expect(JSON.stringify(result)).not.toContain(CANARY)
  expect(result).toMatchObject({ truncated: true, command: 'GET' })
})

test('texts of a preview are masked, titles too', () => {
  const preview = maskPreview(
    {
      rows: undefined,
      lines: [],
      sample: undefined,
      texts: [{ title: `of ${CANARY}`, text: `+ ${CANARY}`, language: 'diff' }],
      missing: [],
    },
    masker,
  )
  expect(JSON.stringify(preview)).not.toContain(CANARY)
  expect(preview.texts?.[0]).toMatchObject({ language: 'diff' })
})

test('keys above a hidden member are text of the target in notes too: no secret of theirs is told', () => {
  const value = { [`Bearer ${CANARY}`]: { ssn: 1 }, 'a/b~c': [{ ssn: 2 }, { ssn: 3 }] }
  const hidden = [`/Bearer ${CANARY}/ssn`, '/a~1b~0c/0/ssn', '/a~1b~0c/1/ssn'].map((pointer) => ({ pointer, why: 'r' }))
  const { result, notes } = masked({ document: { name: 'body', value, hidden } })
  expect(JSON.stringify([result, notes])).not.toContain(CANARY)
  expect(notes.filter(({ why }) => why === 'r')).toEqual([
    { where: expect.stringMatching(/^body\/.*masked:.*\/ssn$/), why: 'r', count: 1 },
    { where: 'body/a~1b~0c/*/ssn', why: 'r', count: 2 },
  ])
})

test('notes are bounded: a hundred places, and short ones', () => {
  const keys = Array.from({ length: 500 }, (_, at) => `user-${at}${'x'.repeat(at === 0 ? 3_000 : 0)}`)
  const value = Object.fromEntries(keys.map((key) => [key, { ssn: 1 }]))
  const hidden = keys.map((key) => ({ pointer: `/${key}/ssn`, why: 'r' }))
  const { notes } = masked({ document: { name: 'body', value, hidden } })
  expect(notes).toHaveLength(101)
  expect(notes.at(-1)).toEqual({ where: 'elsewhere', why: 'r', count: 400 })
  expect(notes.reduce((sum, { count }) => sum + count, 0)).toBe(500)
  expect(Math.max(...notes.map(({ where }) => where.length))).toBeLessThan(300)
})

test('keys that are hidden alike stay apart, also thousands of them', () => {
  const names = Array.from(
    { length: 30_000 },
    (_, at) =>
      `AKIA${at
        .toString(32)
        .toUpperCase()
        .replace(/[01890]/g, 'Z')
        .padStart(16, 'A')}`,
  )
  const value = Object.fromEntries(names.map((name, at) => [name, at]))
  const caps = { maxRows: 10, maxBytes: 10_000_000 }
  const { result } = masked({ document: { name: 'body', value, hidden: [] }, caps })
  const shown = Object.keys(result.body as object)
  expect(shown).toHaveLength(Object.keys(value).length)
  expect(shown.every((key) => key.startsWith('[masked:'))).toBe(true)
})
