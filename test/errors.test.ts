import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorsPage } from '../scripts/writeErrors.ts'
import { ERRORS, GateError } from '../src/errors.ts'

const page = readFileSync('docs/errors.md', 'utf8')
const rows = Object.entries(ERRORS)

test('docs/errors.md is what `npm run docs` writes', () => {
  expect(page).toBe(errorsPage())
})

test('docs/errors.md lists every code once, and no other', () => {
  const documented = [...page.matchAll(/^\| `(ERR_\w+)` \|/gm)].map(([, code]) => code)
  expect(documented.toSorted()).toEqual(rows.map(([code]) => code).toSorted())
})

test.each(rows)('%s is a sentence on what happened, a sentence on what to do, and a real HTTP status', (code, row) => {
  expect(code).toMatch(/^ERR_[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
  expect(row.message).toMatch(/^["A-Z`].*\.$/s)
  expect(row.next).toMatch(/^["A-Z`].*\.$/s)
  expect([200, 400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 502, 503]).toContain(row.status)
})

test('every code of src/errors stands in one section, and every section is in the table', async () => {
  const sections = readdirSync('src/errors').filter((file) => file !== 'errorRow.ts')
  const codes: string[] = []
  for (const section of sections) {
    const exported: Record<string, object> = await import(`../src/errors/${section.replace('.ts', '')}.ts`)
    codes.push(...Object.values(exported).flatMap((table) => Object.keys(table)))
  }
  expect(codes.toSorted()).toEqual(rows.map(([code]) => code).toSorted())
})

test('no two codes say the same thing', () => {
  expect(new Set(rows.map(([, { message }]) => message)).size).toBe(rows.length)
})

test('an error carries its code, its sentence with the detail, and what to do next', () => {
  expect(new GateError('ERR_INTERNAL', { detail: 'Detail.' })).toMatchObject({
    code: 'ERR_INTERNAL',
    message: 'Internal error. Detail.',
    next: 'Tell an operator the call id.',
  })
})
