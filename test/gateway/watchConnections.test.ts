import { Writable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import { type ConnectionWatch, watchConnections } from '../../src/gateway/watchConnections.ts'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { createMasker } from '../../src/masking/masker.ts'
import type { Finding } from '../../src/tools/tool.ts'
import { openMemoryTrail } from '../audit/memoryTrail.ts'
import { eventually } from '../slack/slackGate.ts'

const CANARY = 'connection-credential-canary-001'
const about = 'connections.a'

let watch: ConnectionWatch | undefined
afterEach(() => watch?.stop())

function start(findings: { current: readonly Finding[] | 'throws' }, names = () => ['a']) {
  const memory = openMemoryTrail()
  const logged: string[] = []
  let looks = 0
  watch = watchConnections({
    async selfTest() {
      looks += 1
      if (findings.current === 'throws') throw new Error(CANARY)
      return findings.current
    },
    connections: names,
    trail: memory.trail,
    masker: createMasker(createCredentialDetector([CANARY]), () => {}),
    log: openLog(new Writable({ write: (chunk, _, done) => done(void logged.push(String(chunk))) }), 'debug'),
    pace: { healthyMs: 5, failingMs: 5 },
  })
  return { events: memory.events, logged, looks: () => looks, watch }
}

test('a connection is unknown until somebody has looked, then counted', async () => {
  const made = start({ current: [{ level: 'ok', about, message: 'connects' }] })
  expect(made.watch.counts()).toEqual({ reachable: 0, failing: 0, unknown: 1 })
  await eventually(() => made.watch.counts().reachable === 1)
})

test('what is unwise about an account that works is no failure', async () => {
  const made = start({
    current: [
      { level: 'ok', about, message: 'connects' },
      { level: 'error', about, message: 'is a superuser' },
    ],
  })
  await eventually(() => made.looks() > 2)
  expect(made.watch.counts().failing).toBe(0)
  expect(made.events).toEqual([])
})

test('a failure is on record once, without a credential, and its end is noticed', async () => {
  const findings: { current: readonly Finding[] } = {
    current: [{ level: 'error', about, message: `refused ${CANARY}` }],
  }
  const made = start(findings)
  await eventually(() => made.looks() > 3)
  expect(made.watch.counts()).toEqual({ reachable: 0, failing: 1, unknown: 0 })
  expect(made.events).toMatchObject([{ event: 'connection.failed', connection: 'a', code: 'ERR_TARGET_UNAVAILABLE' }])
  findings.current = [{ level: 'ok', about, message: 'connects' }]
  await eventually(() => made.logged.some((line) => line.includes('works again')))
  expect(JSON.stringify([made.events, made.logged])).not.toContain(CANARY)
})

test('a look that breaks is no end of the watch, and its words go nowhere', async () => {
  const findings: { current: readonly Finding[] | 'throws' } = { current: 'throws' }
  const made = start(findings)
  await eventually(() => made.logged.length > 0)
  findings.current = [{ level: 'ok', about, message: 'connects' }]
  await eventually(() => made.watch.counts().reachable === 1)
  expect(made.logged.join('')).not.toContain(CANARY)
})

test('a connection that a reload removed is not counted any more', async () => {
  let names = ['a', 'b']
  const made = start({ current: [{ level: 'ok', about, message: 'connects' }] }, () => names)
  await eventually(() => made.watch.counts().reachable === 2)
  names = ['a']
  expect(made.watch.counts()).toEqual({ reachable: 1, failing: 0, unknown: 0 })
})
