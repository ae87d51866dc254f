import { expect, test } from 'vitest'
import { newId } from '../src/newId.ts'

test('An id is its prefix, its time, which sorts, and 16 random characters', () => {
  expect(newId('call', 0)).toMatch(/^call_0000000000[0-9A-HJKMNP-TV-Z]{16}$/)
  expect(newId('apr', 1_700_000_000_000).slice(0, 14)).toBe('apr_01HF7YAT00')
  const later = [1, 31, 32, 1_000_000, 2 ** 48].map((now) => newId('ses', now).slice(0, 14))
  expect(later).toEqual(later.toSorted())
})

test('No random byte is given to two ids, also where one supply of them ends and the next begins', () => {
  // The halves too: an id must not begin with what another one ended with.
  const halves = Array.from({ length: 5_000 }, () => newId('call', 0).slice(-16)).flatMap((random) => [
    random.slice(0, 8),
    random.slice(8),
  ])
  expect(new Set(halves).size).toBe(halves.length)
})

test('Every character of the alphabet comes in every place', () => {
  const places = Array.from({ length: 16 }, () => new Set<string>())
  for (let count = 0; count < 2_000; count += 1) {
    for (const [at, character] of [...newId('call').slice(-16)].entries()) places[at]?.add(character)
  }
  expect(places.map(({ size }) => size)).toEqual(places.map(() => 32))
})
