import { expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { describeApprovalStore } from '../contract/approvalStore.ts'

describeApprovalStore('memory store', async () => createMemoryStore())

test('the memory store says that it forgets', () => {
  expect(createMemoryStore().forgets).toBe(true)
})
