import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { keepConnected } from '../../src/slack/keepConnected.ts'
import { eventually } from './slackGate.ts'

/** A client whose start() behaves as the test says, one entry a try; the last one for ever. */
function clientThat(...tries: ((client: EventEmitter) => Promise<unknown>)[]) {
  const emitter = new EventEmitter()
  const counts = { starts: 0, disconnects: 0 }
  const client = {
    on: (event: string, listener: () => void) => emitter.on(event, listener),
    start() {
      const next = tries[Math.min(counts.starts, tries.length - 1)]
      counts.starts += 1
      return next?.(emitter) ?? Promise.resolve()
    },
    async disconnect() {
      counts.disconnects += 1
      emitter.emit('gone')
    },
  }
  return { client, emitter, counts }
}

const connects = async (emitter: EventEmitter) => void emitter.emit('connected')
const refuses = async () => {
  throw new Error('invalid_auth')
}
/** Ends only when it is told to disconnect. */
const hangs = (emitter: EventEmitter) => new Promise((_, reject) => emitter.once('gone', () => reject(undefined)))
const pace = { helloMs: 30, retryMs: 5, slowestMs: 10 }

test('tries again for ever, says each kind of trouble once, and is quiet after stop', async () => {
  const { client, emitter, counts } = clientThat(refuses, refuses, refuses, connects)
  const states: string[] = []
  const kept = keepConnected(client, (connected, error) => states.push(`${connected} ${error ?? ''}`), pace)
  await eventually(() => kept.isConnected())
  expect(states).toEqual(['false Error: invalid_auth', 'true '])
  emitter.emit('disconnected')
  expect(kept.isConnected()).toBe(false)
  await eventually(() => kept.isConnected())
  expect(counts.starts).toBe(5)
  kept.stop()
  emitter.emit('disconnected')
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(counts.starts).toBe(5)
})

test('lets go of a connection that never says hello, and tries again', async () => {
  const { client, counts } = clientThat(hangs, hangs, connects)
  const kept = keepConnected(client, () => {}, pace)
  await eventually(() => kept.isConnected())
  expect(counts).toEqual({ starts: 3, disconnects: 2 })
  kept.stop()
})
