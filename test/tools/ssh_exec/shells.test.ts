import { expect, test } from 'vitest'
import { callsInShell, compareCanonical, compareOriginals, generateCases } from './shells.ts'

// The same with ten times as many lines, and with more shells, is in test/e2e.
const { cases, generated } = generateCases(2_000, 1)

test('what was judged is what runs, in sh and in bash', () => {
  expect(compareCanonical(cases, ['sh'])).toEqual([])
  expect(compareCanonical(cases, ['bash'])).toEqual([])
  console.log(`${cases.length} of ${generated} generated lines are plain; each ran as judged in sh and bash`)
})

test('a plain line means to bash what was judged', () => {
  expect(compareOriginals(cases)).toEqual([])
})

test('the comparison sees a difference', () => {
  expect(callsInShell(['sh'], ['show $HOME', "show 'a' | show b", 'show a || show b'])).toEqual([
    ['["/home-of-nobody"]'],
    ['["a"]', '["b"]'],
    ['["a"]'],
  ])
})
