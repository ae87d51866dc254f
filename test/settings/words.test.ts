import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coversPattern, matchesOperation } from '../../src/policy/operationPattern.ts'
import { matchesGlob } from '../../src/settings/glob.ts'
import { nearest } from '../../src/settings/nearest.ts'

test.each([
  ['recrod', ['record', 'rules'], 'record'],
  ['hots', ['host', 'port'], 'host'],
  ['SELEKT', ['SELECT', 'DELETE'], 'SELECT'],
  ['select', ['SELECT'], 'SELECT'],
  ['kubernetes', ['postgres'], undefined],
  ['x', [], undefined],
])('the nearest word to %s', (word, allowed, meant) => {
  expect(nearest(word, allowed)).toBe(meant)
})

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 })

test('a glob matches exactly what the same regular expression matches', () => {
  fc.assert(
    fc.property(letters, letters, (glob, text) => {
      const expression = new RegExp(
        `^${glob
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('[^]*')}$`,
      )
      expect(matchesGlob(glob, text.replaceAll('*', 'c'))).toBe(expression.test(text.replaceAll('*', 'c')))
    }),
    { numRuns: 5000 },
  )
})

test.each([
  ['function:*', 'function:public.slugify', true],
  ['function:*', 'cascade:public.slugify', false],
  ['function:public.*', 'functionx:public.slugify', false],
  ['function:public.slugify', 'function:public.slugify', true],
  ['function:public.slugif', 'function:public.slugify', false],
  ['SELECT', 'SELECT', true],
  ['SEL*', 'SELECT', false],
  ['*', 'SELECT', false],
  ['*:*', 'function:a.b', false],
])('%s names %s: %s', (pattern, operation, named) => {
  expect(matchesOperation(pattern, operation)).toBe(named)
})

test('a hostile glob is answered at once', () => {
  expect(matchesGlob(`${'*a'.repeat(5_000)}b`, 'a'.repeat(50_000))).toBe(false)
})

test('a pattern that covers another matches whatever the other matches', () => {
  fc.assert(
    fc.property(letters, letters, letters, (wide, narrow, name) => {
      if (!coversPattern(`f:${wide}`, `f:${narrow}`)) return
      const operation = `f:${name.replaceAll('*', 'c')}`
      if (matchesOperation(`f:${narrow}`, operation)) expect(matchesOperation(`f:${wide}`, operation)).toBe(true)
    }),
    { numRuns: 20_000 },
  )
})
