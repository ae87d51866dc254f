import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { isOwnForm, openSessions } from '../../src/console/openSessions.ts'
import type { LoginClient, LoginTokens, SignedIn } from '../../src/console/ports.ts'
import { GateError } from '../../src/errors.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Sessions with a clock and a provider that the test moves. */
function aHouse({ maxLoginAge = 8 * HOUR } = {}) {
  const store = createMemoryStore()
  const state = {
    now: Date.parse('2026-11-20T09:00:00Z'),
    renewals: [] as string[],
    problems: 0,
    answer: (async () => ({ accessToken: 'fresh', refreshToken: 'r2' })) as () => Promise<LoginTokens | 'refused'>,
    verified: (): SignedIn => grace(),
  }
  const login: LoginClient = {
    authorizationUrl: () => Promise.reject(new TypeError('not part of this test')),
    redeem: () => Promise.reject(new TypeError('not part of this test')),
    renew(refreshToken) {
      state.renewals.push(refreshToken)
      return state.answer()
    },
  }
  const grace = (over: Partial<SignedIn> = {}): SignedIn => ({
    person: 'entra/t1/grace',
    subject: 'grace',
    name: 'Grace',
    provider: 'entra',
    groups: { known: true, ids: ['dba'] },
    issuedAt: state.now,
    loginAt: state.now,
    expiresAt: new Date(state.now + HOUR),
    ...over,
  })
  const sessions = openSessions({
    login,
    verify: async () => state.verified(),
    maxLoginAge,
    onProblem: () => {
      state.problems += 1
    },
    desk: { store, clock: () => state.now },
  })
  return { sessions, state, store, grace }
}

describe('a session', () => {
  test('is found by its id and by nothing else', async () => {
    const { sessions, grace } = aHouse()
    const { id, session } = sessions.begin(grace(), undefined)
    expect(id).toMatch(/^[\w-]{43}$/)
    expect(await sessions.find(id)).toBe(session)
    expect(await sessions.find(session.key)).toBeUndefined()
    expect(await sessions.find(undefined)).toBeUndefined()
    expect(await sessions.find('')).toBeUndefined()
  })

  test('ends when the login is too old, however often it was renewed', async () => {
    const { sessions, state, grace } = aHouse({ maxLoginAge: 2 * HOUR })
    const loginAt = state.now
    state.verified = () => grace({ loginAt })
    const { id } = sessions.begin(grace(), 'r1')
    for (let passed = 0; passed < 119; passed += 1) {
      state.now += MINUTE
      expect(await sessions.find(id)).toBeDefined()
    }
    state.now += MINUTE
    expect(await sessions.find(id)).toBeUndefined()
    state.now -= MINUTE
    expect(await sessions.find(id)).toBeUndefined()
  })

  test('ends with its token when the provider gave nothing to renew it with', async () => {
    const { sessions, state, grace } = aHouse()
    const { id } = sessions.begin(grace(), undefined)
    state.now += HOUR - 1
    expect(await sessions.find(id)).toBeDefined()
    state.now += 1
    expect(await sessions.find(id)).toBeUndefined()
    expect(state.renewals).toEqual([])
  })

  test('brings the groups of now before those of the token grow stale, once for many requests', async () => {
    const { sessions, state, grace } = aHouse()
    const { id } = sessions.begin(grace(), 'r1')
    state.now += 3 * MINUTE
    await sessions.find(id)
    expect(state.renewals).toEqual([])
    state.now += MINUTE
    state.verified = () => grace({ groups: { known: true, ids: [] } })
    const found = await Promise.all([sessions.find(id), sessions.find(id), sessions.find(id)])
    expect(state.renewals).toEqual(['r1'])
    for (const session of found) expect(session?.reviewer.groups).toEqual({ known: true, ids: [] })
    state.now += 5 * MINUTE
    await sessions.find(id)
    expect(state.renewals).toEqual(['r1', 'r2'])
  })

  test.each<[string, (house: ReturnType<typeof aHouse>) => void]>([
    ['the provider will not renew it', ({ state }) => (state.answer = async () => 'refused')],
    [
      'the renewed token is for somebody else',
      ({ state, grace }) => (state.verified = () => grace({ person: 'entra/t1/eve' })),
    ],
    [
      'the renewed token does not pass',
      ({ state }) => {
        state.verified = () => {
          throw new GateError('ERR_REVIEWER_LOGIN_OLD')
        }
      },
    ],
  ])('ends when %s', async (_, change) => {
    const house = aHouse()
    const { id } = house.sessions.begin(house.grace(), 'r1')
    house.state.now += 5 * MINUTE
    change(house)
    expect(await house.sessions.find(id)).toBeUndefined()
  })

  test('survives an outage of the provider with the groups it had, which count for no longer than before', async () => {
    const { sessions, state, grace } = aHouse()
    const { id } = sessions.begin(grace(), 'r1')
    const { issuedAt } = grace()
    state.answer = () => Promise.reject(new GateError('ERR_CONSOLE_LOGIN'))
    state.now += 5 * MINUTE
    expect((await sessions.find(id))?.reviewer.issuedAt).toBe(issuedAt)
    expect(state.problems).toBe(1)
    await sessions.find(id)
    expect(state.renewals).toHaveLength(1)
    state.now += 15_000
    await sessions.find(id)
    expect(state.renewals).toHaveLength(2)
    state.now += HOUR
    expect(await sessions.find(id)).toBeUndefined()
  })

  test('is not live for a person whom an operator has stopped', async () => {
    const { sessions, state, store, grace } = aHouse()
    const { session } = sessions.begin(grace(), undefined)
    expect(await sessions.isLive(session)).toBe(true)
    await store.revoke({ kind: 'person', id: 'grace' }, 'test', undefined, state.now)
    expect(await sessions.isLive(session)).toBe(false)
  })

  test('of one person the oldest ends when there are too many; of others none does', async () => {
    const { sessions, grace } = aHouse()
    const other = sessions.begin(grace({ person: 'entra/t1/ada' }), undefined)
    const ids = Array.from({ length: 11 }, () => sessions.begin(grace(), undefined).id)
    expect(await sessions.find(ids[0])).toBeUndefined()
    for (const id of ids.slice(1)) expect(await sessions.find(id)).toBeDefined()
    expect(await sessions.find(other.id)).toBeDefined()
  })
})

test('a form belongs to a session by the token in it', () => {
  const { sessions, grace } = aHouse()
  const { session } = sessions.begin(grace(), undefined)
  const form = (csrf: string) => new Map([['csrf', csrf]])
  expect(isOwnForm(session, form(session.formToken))).toBe(true)
  for (const wrong of ['', session.formToken.slice(1), `${session.formToken}x`, session.key]) {
    expect(isOwnForm(session, form(wrong))).toBe(false)
  }
  expect(isOwnForm(session, undefined)).toBe(false)
  expect(isOwnForm(session, new Map())).toBe(false)
})
