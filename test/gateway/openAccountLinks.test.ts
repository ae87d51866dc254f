import { beforeEach, expect, test } from 'vitest'
import { openAccountLinks } from '../../src/gateway/openAccountLinks.ts'
import { identitySettings } from '../../src/identity/settings.ts'

const BEN = '6f1c1b3e-0000-4000-8000-0000000000b1'
const ADDRESS = 'ben@corp.example'
const account = { realm: 'T1', user: 'U0BEN', name: 'Ben' }
const [provider] = identitySettings.parse([
  { type: 'entra', tenantId: '6f1c1b3e-0000-4000-8000-000000000001', clientId: '6f1c1b3e-0000-4000-8000-000000000002' },
])

let now = 0
let asked: string[] = []
let written: string[] = []
let answer: () => string | undefined = () => BEN
let append: () => void = () => undefined
beforeEach(() => {
  now = 1_000
  asked = []
  written = []
  answer = () => BEN
  append = () => undefined
})

function openLinks(over: object = {}) {
  if (provider === undefined) throw new Error('no provider')
  return openAccountLinks({
    provider,
    settings: { users: {}, linking: true, matchEmail: true, ...over },
    store: { findLink: async () => undefined },
    async personWithAddress(name, address) {
      asked.push(`${name} ${address}`)
      return answer()
    },
    trail: {
      async append({ event }) {
        append()
        written.push(event)
        return { seq: 1, hash: '' }
      },
    },
    clock: () => now,
  })
}

test('switched off, which is the default, nobody is matched and nobody is asked', async () => {
  expect(await openLinks({ matchEmail: false }).findPerson(account, ADDRESS)).toBeUndefined()
  expect(asked).toEqual([])
})

test('a match holds for a minute, for that account with that address, and is on record each time it is made', async () => {
  const links = openLinks()
  expect(await links.findPerson(account, ADDRESS)).toBe(BEN)
  now += 59_999
  expect(await links.findPerson(account, ADDRESS)).toBe(BEN)
  expect(asked).toHaveLength(1)
  expect(await links.findPerson({ ...account, user: 'U0OTHER' }, ADDRESS)).toBe(BEN)
  expect(await links.findPerson({ ...account, realm: 'T2' }, ADDRESS)).toBe(BEN)
  expect([asked.length, written.length]).toEqual([3, 3])
  now += 1
  answer = () => undefined
  expect(await links.findPerson(account, ADDRESS)).toBeUndefined()
  expect([asked.length, written.length]).toEqual([4, 3])
})

test('nobody and nothing are not remembered', async () => {
  const links = openLinks()
  answer = () => undefined
  expect(await links.findPerson(account, ADDRESS)).toBeUndefined()
  answer = () => {
    throw new Error('down')
  }
  await expect(links.findPerson(account, ADDRESS)).rejects.toMatchObject({ code: 'ERR_SLACK_DIRECTORY' })
  answer = () => BEN
  expect(await links.findPerson(account, ADDRESS)).toBe(BEN)
  expect(written).toEqual(['reviewer.matched'])
})

test('a match that cannot be recorded is none', async () => {
  const links = openLinks()
  append = () => {
    throw new Error('the disk is full')
  }
  await expect(links.findPerson(account, ADDRESS)).rejects.toThrow('the disk is full')
  await expect(links.findPerson(account, ADDRESS)).rejects.toThrow('the disk is full')
  expect(asked).toHaveLength(2)
})
