import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { claimOffer, type LinkDesk, offerLink, redeemCode, showOffer } from '../../src/approvals/accountLinks.ts'
import type { StateStore } from '../../src/approvals/ports.ts'
import { MINUTE, T0 } from '../approvals/fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'link-store-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => {
  files += 1
  return join(folder, `${files}.db`)
}

const account = { realm: 'T1', user: 'U1', name: 'Ann' }
const person = (name: string) => ({ person: `entra|t|${name}`, provider: 'entra', subject: name, name })

function deskOn(store: StateStore, clock = { now: T0 }) {
  const trail: string[] = []
  const desk: LinkDesk = {
    store,
    clock: () => clock.now,
    async recordLinked(link, before) {
      trail.push(`linked ${link.person.subject} instead of ${before?.person.subject}`)
    },
    async recordUnlinked(link) {
      trail.push(`unlinked ${link.person.subject}`)
    },
  }
  return { desk, trail, clock }
}
async function codeFor(name: string, desk: LinkDesk) {
  const { token } = await offerLink(account, desk)
  return (await claimOffer(token, person(name), desk)).code
}

describe.each([
  ['memory', () => createMemoryStore()],
  ['SQLite', () => openSqliteStore(newFile())],
])('links of accounts in the %s store', (_, open) => {
  test('a link replaces the one before, and is removed with what was begun', async () => {
    const { desk, trail } = deskOn(open())
    await redeemCode(account, await codeFor('ann', desk), desk)
    await redeemCode(account, await codeFor('ben', desk), desk)
    expect(trail).toEqual(['linked ann instead of undefined', 'linked ben instead of ann'])
    expect(await desk.store.linksOf('entra|t|ann')).toEqual([])
    expect(await desk.store.linksOf('entra|t|ben')).toMatchObject([{ account, linkedAt: T0 }])
    const { token } = await offerLink(account, desk)
    expect(await desk.store.removeLink(account, 'entra|t|ann')).toBeUndefined()
    expect(await desk.store.findLink(account)).toBeDefined()
    expect(await desk.store.removeLink(account)).toMatchObject({ person: { subject: 'ben' } })
    await expect(showOffer(token, desk)).rejects.toMatchObject({ code: 'ERR_LINK_OFFER' })
  })

  test('of many who confirm at once one does, and of many codes at once one counts', async () => {
    const { desk, trail } = deskOn(open())
    const { token } = await offerLink(account, desk)
    const claims = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => claimOffer(token, person(name), desk)))
    const [won, ...more] = claims.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(more).toEqual([])
    const redeemed = await Promise.allSettled([1, 2, 3, 4].map(() => redeemCode(account, won?.code ?? '', desk)))
    expect(redeemed.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(trail).toHaveLength(1)
  })

  test('a code works in no other account, workspace or time', async () => {
    const { desk, clock } = deskOn(open())
    const code = await codeFor('ann', desk)
    for (const other of [
      { realm: 'T1', user: 'U2' },
      { realm: 'T2', user: 'U1' },
    ]) {
      await expect(redeemCode(other, code, desk)).rejects.toMatchObject({ code: 'ERR_LINK_CODE' })
    }
    clock.now += 10 * MINUTE
    await expect(redeemCode(account, code, desk)).rejects.toMatchObject({ code: 'ERR_LINK_CODE' })
    expect(await desk.store.findLink(account)).toBeUndefined()
  })

  test('what cannot be written into the trail has no effect', async () => {
    const { desk } = deskOn(open())
    const code = await codeFor('ann', desk)
    const deaf = { ...desk, recordLinked: () => Promise.reject(new Error('disk full')) }
    await expect(redeemCode(account, code, deaf)).rejects.toThrow('disk full')
    expect(await desk.store.findLink(account)).toBeUndefined()
  })
})

test('the file holds neither the address nor the code', async () => {
  const path = newFile()
  const store = openSqliteStore(path)
  const { desk } = deskOn(store)
  const { token } = await offerLink(account, desk)
  const { code } = await claimOffer(token, person('ann'), desk)
  await store.close()
  const text = readFileSync(path, 'latin1')
  expect(text).toContain('entra|t|ann')
  expect(text).not.toContain(token)
  expect(text).not.toContain(code)
})
