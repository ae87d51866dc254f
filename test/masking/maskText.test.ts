import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskFreeText, maskRequest } from '../../src/masking/maskText.ts'
import type { RequestField } from '../../src/tools/tool.ts'

const CREDENTIAL = 'server-side-credential-1'
const masker = createMasker(createCredentialDetector([CREDENTIAL]), () => {})

function fieldOf(
  text: string,
  { hidden = [], literals = [] }: Partial<Record<'hidden' | 'literals', string[]>>,
): RequestField {
  const spanOf = (part: string) => ({ start: text.indexOf(part), end: text.indexOf(part) + part.length })
  return {
    name: 'sql',
    text,
    hidden: hidden.map((part) => ({ ...spanOf(part), why: 'users.email' })),
    literals: literals.map(spanOf),
  }
}

test('a literal that lineage ties to a protected column is replaced by a placeholder that names the column', () => {
  const field = fieldOf("SELECT id FROM users WHERE email = 'a@b.c'", { hidden: ["'a@b.c'"] })
  expect(maskRequest([field], masker)).toEqual({
    fields: [{ name: 'sql', text: 'SELECT id FROM users WHERE email = [masked:users.email]', masked: true }],
    masked: [{ where: 'sql', why: 'users.email', count: 1 }],
  })
})

test('a secret in a whole literal is hidden, and only it', () => {
  const literal = "'postgres://app:Tr0ub4dor@db/app'"
  const field = fieldOf(`UPDATE settings SET url = ${literal}`, { literals: [literal] })
  expect(maskRequest([field], masker).fields[0]?.text).toBe(
    "UPDATE settings SET url = 'postgres://app:[masked:url-password]@db/app'",
  )
})

test('code dressed up as a secret stays in sight', () => {
  const text = 'DELETE FROM users /* password=x1 */ WHERE api_key="drop_everything_1"'
  expect(maskRequest([fieldOf(text, {})], masker)).toEqual({
    fields: [{ name: 'sql', text, masked: false }],
    masked: [],
  })
})

test('a server-held credential is hidden in code too', () => {
  const text = `SELECT 1 -- ${CREDENTIAL}`
  expect(maskRequest([fieldOf(text, {})], masker).fields[0]).toEqual({
    name: 'sql',
    text: 'SELECT 1 -- [masked:server-credential]',
    masked: true,
  })
})

test('overlapping spans hide everything that any of them hides', () => {
  const text = `x = 'abc ${CREDENTIAL} def'`
  const field: RequestField = {
    name: 'sql',
    text,
    hidden: [
      { start: 5, end: 20, why: 'users.ssn' },
      { start: 5, end: 8, why: 'users.email' },
    ],
    literals: [{ start: 4, end: text.length }],
  }
  expect(maskRequest([field], masker).fields[0]?.text).toBe("x = '[masked:users.ssn] def'")
})

test('an empty protected literal is replaced like any other, so that its length does not show', () => {
  const field: RequestField = {
    name: 'params',
    text: '',
    hidden: [{ start: 0, end: 0, why: 'users.email' }],
    literals: [],
  }
  expect(maskRequest([field], masker).fields[0]).toEqual({ name: 'params', text: '[masked:users.email]', masked: true })
})

test.each([
  [{ start: 3, end: 99 }],
  [{ start: -1, end: 2 }],
  [{ start: 4, end: 2 }],
  [{ start: Number.NaN, end: 2 }],
  [{ start: 0.5, end: 2 }],
])('a span that does not lie inside its text stops with ERR_MASKING instead of hiding the wrong part: %j', (span) => {
  const field: RequestField = { name: 'sql', text: 'abcdef', hidden: [{ ...span, why: 'x' }], literals: [] }
  expect(() => maskRequest([field], masker)).toThrow(expect.objectContaining({ code: 'ERR_MASKING' }))
})

test('free text is judged whole, and its control characters stay for the surface to escape', () => {
  expect(maskFreeText('reset\u001b[2J with password=hunter2!\nplease', masker)).toBe(
    'reset\u001b[2J with password=[masked:password-assignment]\nplease',
  )
})
