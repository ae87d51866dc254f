import { expect, test } from 'vitest'
import { sameCase } from '../../src/settings/sameCase.ts'

const GUID = '6f1c1b3e-0000-4000-8000-0000000000ab'

test('GUIDs have one case, alone and in keys; other identifiers keep theirs', () => {
  expect(sameCase(GUID.toUpperCase())).toBe(GUID)
  expect(sameCase(`entra/${GUID.toUpperCase()}/${GUID}`)).toBe(`entra/${GUID}/${GUID}`)
  for (const other of ['Ann', 'auth0|Ab12', `x${GUID.toUpperCase()}`, `${GUID.toUpperCase()}0`]) {
    expect(sameCase(other)).toBe(other)
  }
})
