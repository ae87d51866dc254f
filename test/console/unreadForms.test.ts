import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { openVisitor } from './visitor.ts'

let gate: RealGate
beforeAll(async () => {
  gate = await startRealGate({ config: { approvals: { console: { enabled: true } } } })
})
afterAll(() => gate?.stop())

/** The first line of the answer to a form of which only the beginning is sent. */
function beginForm(cookie: string, path = '/console/requests/apr_01M7W4QGDN0FXYYABZX3C0NA35/modify'): Promise<string> {
  const { host, hostname, port, origin } = new URL(gate.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\n` +
          `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500000\r\n\r\nedit-0=`,
      )
    })
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
      if (!answer.includes('\r\n')) return
      socket.destroy()
      resolve(answer.slice(0, answer.indexOf('\r\n')))
    })
    socket.on('error', reject)
    socket.on('end', () => reject(new Error('no answer')))
  })
}

test('of a form that nobody who is signed in sends, nothing is read', async () => {
  expect(await beginForm('')).toContain(' 401 ')
  expect(await beginForm(`countersign_session=${'x'.repeat(43)}`)).toContain(' 401 ')
})

test('a connection goes on after such a form, and its rest is no request', async () => {
  const visitor = openVisitor(gate.url)
  const form = { csrf: 'x', digest: 'x', reason: 'GET /readyz HTTP/1.1\r\n\r\n'.repeat(10_000) }
  expect((await visitor.visit('/console/logout', { form })).status).toBe(401)
  expect((await visitor.visit('/console/requests')).status).toBe(200)
})
