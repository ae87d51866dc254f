import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskFacts, withheldOutput } from '../../src/masking/maskFacts.ts'

const CREDENTIAL = 'server-side-credential-1'
const masker = createMasker(createCredentialDetector([CREDENTIAL]), () => {})

test('an answer about the gate itself has its secrets replaced, and counts them', () => {
  const facts = { connections: [{ name: 'prod', note: `user gate, ${CREDENTIAL}` }], password: 'plain words' }
  expect(maskFacts(facts, masker)).toEqual({
    result: {
      connections: [{ name: 'prod', note: 'user gate, [masked:server-credential]' }],
      password: '[masked:secret-by-name]',
    },
    masked: [
      { where: 'result', why: 'server-credential', count: 1 },
      { where: 'result', why: 'secret-by-name', count: 1 },
    ],
  })
})

test('an answer that cannot be masked is withheld with ERR_MASKING', () => {
  let deep: [] = []
  for (let i = 0; i < 100_000; i++) deep = [deep] as unknown as []
  expect(() => maskFacts(deep, masker)).toThrow(expect.objectContaining({ code: 'ERR_MASKING' }))
})

test('what stands in for a withheld output tells the effect and nothing of the output', () => {
  expect(withheldOutput('DELETE', 3)).toEqual({
    result: { withheld: true, command: 'DELETE', rows_changed: 3 },
    masked: [{ where: 'result', why: 'masking failed', count: 1 }],
  })
})
