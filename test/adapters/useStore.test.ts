import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { HOUR, T0 } from '../approvals/fixtures.ts'
import { describeUseStore } from '../contract/useStore.ts'

const folder = mkdtempSync(join(tmpdir(), 'use-store-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => {
  files += 1
  return join(folder, `${files}.db`)
}

describeUseStore('memory store', async () => {
  const store = createMemoryStore()
  return { store, again: async () => store }
})

describeUseStore('SQLite store', async () => {
  const path = newFile()
  return { store: openSqliteStore(path), again: async () => openSqliteStore(path) }
})

test('uses survive a restart', async () => {
  const path = newFile()
  const rule = { policy: 'p', rule: 'r', limit: 1, windowMs: HOUR }
  const store = openSqliteStore(path)
  await store.chargeUses('ann', [[rule]], T0)
  await store.close()
  const reopened = openSqliteStore(path)
  expect((await reopened.chargeUses('ann', [[rule]], T0 + 1)).ok).toBe(false)
  await reopened.close()
})
