import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { compareCanonical, compareOriginals, generateCases } from '../tools/ssh_exec/shells.ts'

const { cases, generated } = generateCases(20_000, 20_261_120)

const isInstalled = (program: string) => spawnSync(program, ['-c', 'true']).error === undefined
const OTHERS = [['busybox', 'sh'], ['ksh'], ['mksh'], ['zsh', '--no-globalrcs'], ['yash']].filter(([program = '']) =>
  isInstalled(program),
)

test.each([['sh'], ['bash'], ['dash'], ...OTHERS])('20,000 plain lines run in %s as they were judged', (...shell) => {
  expect(compareCanonical(cases, shell)).toEqual([])
  console.log(`${shell[0]}: ${cases.length} of ${generated} generated lines are plain; each ran as judged`)
})

test('whatever the locale of the host is', () => {
  expect(compareCanonical(cases, ['bash'], 'C')).toEqual([])
  expect(compareCanonical(cases, ['dash'], 'C')).toEqual([])
})

test('the lines as they were written mean to bash what was judged', () => {
  expect(compareOriginals(cases)).toEqual([])
})
