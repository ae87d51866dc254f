import { expect, test } from 'vitest'
import type { Operation } from '../../src/call.ts'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskOperation } from '../../src/masking/maskOperation.ts'

const CANARY = 'server-held-credential-0123456789'
const masker = createMasker(createCredentialDetector([CANARY]), () => {})
const operation = (facts: Operation['facts']): Operation => ({ operation: 'POST', otherwise: 'deny', facts })

test('a secret in a fact is hidden, in texts, in lists and inside of JSON', () => {
  const facts = {
    path: `/echo/${CANARY}`,
    query: [`password=hunter2-hunter2`, 'page=2'],
    body: JSON.stringify({ password: 'hunter2-hunter2', ref: 'main' }),
    rows: 3,
    force: true,
  }
  const masked = maskOperation(operation(facts), masker)
  expect(JSON.stringify(masked)).not.toMatch(/hunter2|server-held-credential-/)
  expect(masked.facts.query).toContain('page=2')
  expect(masked.facts.body).toContain('main')
  expect(masked.facts).toMatchObject({ rows: 3, force: true })
})

test('a long fact is shown by its beginning, and a secret at the cut is masked before it', () => {
  const masked = maskOperation(operation({ body: `${'x'.repeat(1_990)}${CANARY}${'y'.repeat(9_000)}` }), masker)
  expect(String(masked.facts.body).length).toBeLessThan(2_010)
  expect(masked.facts.body).not.toContain(CANARY.slice(0, 8))
})

test('names are what they were', () => {
  const facts = { tables: ['public.jobs', 'public.users'], where: 'present' }
  expect(maskOperation(operation(facts), masker)).toEqual(operation(facts))
})
