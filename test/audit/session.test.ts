import { expect, test } from 'vitest'
import { openSessions } from '../../src/audit/session.ts'
import type { AgentInfo, Caller } from '../../src/call.ts'

const caller = (key: string) => ({ key }) as Caller
const agent = (conversation?: string, name = 'claude-code'): AgentInfo => ({
  ...{ name, conversation, version: undefined, traceparent: undefined },
})
const at = (minutes: number) => new Date(Date.UTC(2026, 10, 20, 9, minutes))

test('a conversation is one session for ever, and another caller who claims it gets another', () => {
  const sessionOf = openSessions()
  const session = sessionOf(caller('a'), agent('c1'), at(0))
  expect(session).toMatch(/^ses_[0-9a-f]{26}$/)
  expect(sessionOf(caller('a'), agent('c1'), at(600))).toBe(session)
  expect(openSessions()(caller('a'), agent('c1'), at(0))).toBe(session)
  expect(sessionOf(caller('b'), agent('c1'), at(0))).not.toBe(session)
  expect(sessionOf(caller('a'), agent('c2'), at(0))).not.toBe(session)
  expect(sessionOf(caller('a'), agent('c1', 'other'), at(0))).not.toBe(session)
})

test('without one, calls less than 30 minutes apart are a session', () => {
  const sessionOf = openSessions()
  const session = sessionOf(caller('a'), agent(), at(0))
  expect(sessionOf(caller('a'), agent(), at(29))).toBe(session)
  expect(sessionOf(caller('a'), agent(), at(58))).toBe(session)
  expect(sessionOf(caller('b'), agent(), at(58))).not.toBe(session)
  expect(sessionOf(caller('a'), agent(), at(88))).not.toBe(session)
})

test('the memory is bounded: the session that was idle longest is forgotten', () => {
  const sessionOf = openSessions()
  const first = sessionOf(caller('first'), agent(), at(0))
  const second = sessionOf(caller('second'), agent(), at(0))
  expect(sessionOf(caller('first'), agent(), at(1))).toBe(first)
  for (let n = 0; n < 9_999; n += 1) sessionOf(caller(`${n}`), agent(), at(1))
  expect(sessionOf(caller('first'), agent(), at(2))).toBe(first)
  expect(sessionOf(caller('second'), agent(), at(2))).not.toBe(second)
})
