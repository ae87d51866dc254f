import { expect, test } from 'vitest'
import { spaceOf } from '../../src/pipeline/spaceOf.ts'

test('A caller has one space for ever, and shares it with nobody', () => {
  // Folders of running gateways have this name.
  expect(spaceOf({ key: 'entra/t1/agent/app-1' })).toBe('db75b936c2a0449b520d57fb71c1b19949fdad45')
  const keys = Array.from({ length: 3_000 }, (_, number) => `entra/t1/agent/app-${number}`)
  const spaces = keys.map((key) => spaceOf({ key }))
  expect(new Set(spaces).size).toBe(keys.length)
  expect(keys.map((key) => spaceOf({ key }))).toEqual(spaces)
})
