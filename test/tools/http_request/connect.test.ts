import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createConnector } from '../../../src/tools/http_request/createConnector.ts'
import { makeSelfSigned } from '../../fixtures/selfSigned.ts'
import { type DnsServer, startDns } from './dnsServer.ts'
import { type OpenHttp, openHttp } from './openHttp.ts'
import { sendJson, startTarget, type TargetServer } from './targetServer.ts'

const CANARY = 'canary-credential-0123456789'
const HELD = { headers: { authorization: { env: 'AUTH' } } }

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => error,
  )

function openAt(
  baseUrl: string,
  lookUp?: DnsServer['lookUp'],
  settings: Readonly<Record<string, unknown>> = {},
): OpenHttp {
  const http = openHttp({ baseUrl, ...HELD, ...settings }, { AUTH: `Bearer ${CANARY}` }, lookUp)
  closing.push(() => http.opened.close())
  return http
}

describe('addresses', () => {
  let target: TargetServer
  let dns: DnsServer
  beforeEach(async () => {
    target = await startTarget((_, response) => sendJson(response, { ok: true }))
    closing.push(() => target.close())
    dns = await startDns()
    closing.push(() => dns.close())
  })

  test('a name is connected to at the addresses it has', async () => {
    dns.resolveTo('127.0.0.1')
    const http = openAt(`http://api.localhost:${target.port}/`, dns.lookUp)
    expect((await http.send({})).facts).toMatchObject({ status: 200 })
    expect(dns.asked).toEqual(['api.localhost'])
  })

  test.each(['169.254.169.254', '0.0.0.0', '10.0.0.1', '8.8.8.8', '100.100.100.200', '224.0.0.1', '255.255.255.255'])(
    'a loopback name that leads to %s now is not connected to',
    async (address) => {
      dns.resolveTo('127.0.0.1')
      const http = openAt(`http://api.localhost:${target.port}/`, dns.lookUp)
      await http.send({ method: 'POST' })
      dns.resolveTo(address)
      const error = await failing(http.send({ method: 'POST' }))
      expect(error).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
      expect(error.message).not.toContain(address)
    },
  )

  test.each([
    ['127.0.0.1', false],
    ['127.0.0.1', true],
    ['169.254.169.254', true],
    ['10.1.2.3', false],
  ])('a public name that leads to %s (allowPrivate: %s) gets no connection', async (address, allowPrivate) => {
    dns.resolveTo(address)
    const http = openAt(`https://api.example:${target.port}/`, dns.lookUp, { allowPrivate })
    for (const method of ['GET', 'POST']) {
      expect(await failing(http.send({ method }))).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
    }
    expect(target.connections()).toBe(0)
  })

  test('one stray address among good ones makes all of them suspect', async () => {
    dns.resolveTo('127.0.0.1', '169.254.169.254')
    const http = openAt(`http://api.localhost:${target.port}/`, dns.lookUp)
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
    expect(target.connections()).toBe(0)
  })

  test('a name is asked for once for each connection: what is checked is what is connected to', async () => {
    const http = openAt(`http://api.localhost:${target.port}/`, dns.lookUp)
    const outcomes: string[] = []
    for (let n = 0; n < 20; n++) {
      dns.resolveTo(n % 2 === 0 ? '127.0.0.1' : '169.254.169.254')
      outcomes.push(
        await http.send({ method: 'POST' }).then(
          () => 'sent',
          ({ code }) => code,
        ),
      )
    }
    expect(outcomes).toEqual(Array.from({ length: 10 }, () => ['sent', 'ERR_HTTP_ADDRESS']).flat())
    expect(dns.asked).toHaveLength(20)
    expect(target.arrived).toHaveLength(10)
  })

  test('IPv6 forms of IPv4 addresses are none of the host’s', async () => {
    for (const address of ['::ffff:127.0.0.1', '::ffff:169.254.169.254', '64:ff9b::7f00:1', '::127.0.0.1']) {
      const http = openAt(`http://api.localhost:${target.port}/`, (_, callback) =>
        callback(null, [{ address, family: 6 }]),
      )
      expect(await failing(http.send({})), address).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
    }
    expect(target.connections()).toBe(0)
  })

  test('a name without an address is not there', async () => {
    dns.resolveTo()
    const http = openAt(`http://api.localhost:${target.port}/`, dns.lookUp)
    expect(await failing(http.send({}))).toMatchObject({ code: /ERR_TARGET_UNAVAILABLE|ERR_HTTP_ADDRESS/ })
  })

  test('an IPv6 address that was written is connected to as well', async () => {
    // Whether this machine has IPv6 or not: nobody listens there.
    const http = openAt('http://[::1]:9/')
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
  })

  test('an address that was written is connected to without asking', async () => {
    const http = openAt(`http://127.0.0.1:${target.port}/`, dns.lookUp)
    expect((await http.send({})).facts).toMatchObject({ status: 200 })
    expect(dns.asked).toEqual([])
  })
})

describe('TLS', () => {
  const { key, cert } = makeSelfSigned(['localhost'])
  let port = 0
  let seen: string[] = []
  let dir = ''
  beforeEach(async () => {
    seen = []
    dir = await mkdtemp(join(tmpdir(), 'countersign-http-'))
    closing.push(() => rm(dir, { recursive: true, force: true }))
    await writeFile(join(dir, 'ca.pem'), cert)
    const server = createServer({ key, cert }, (request, response) => {
      seen.push(request.headers.authorization ?? '')
      response.end('ok')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
  })
  const lookUp: DnsServer['lookUp'] = (_, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])

  test('works with an authority that is configured', async () => {
    const http = openAt(`https://localhost:${port}/`, lookUp, { tls: { ca: join(dir, 'ca.pem') } })
    expect((await http.send({})).texts?.[0]?.text).toBe('ok')
    expect((await http.send({ method: 'POST' })).facts).toMatchObject({ status: 200 })
    expect(seen).toEqual([`Bearer ${CANARY}`, `Bearer ${CANARY}`])
  })

  test('an authority that cannot be read stops the call, and nothing is sent', async () => {
    const http = openAt(`https://localhost:${port}/`, lookUp, { tls: { ca: join(dir, 'missing.pem') } })
    for (const method of ['GET', 'POST']) {
      expect(await failing(http.send({ method }))).toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    }
    await writeFile(join(dir, 'missing.pem'), cert)
    expect((await http.send({})).facts).toMatchObject({ status: 200 })
    expect(seen).toHaveLength(1)
  })

  test('without it, or for another name, nothing is sent, whatever the environment says', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    closing.push(() => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    })
    const other = { tls: { ca: join(dir, 'ca.pem') } }
    for (const http of [
      openAt(`https://localhost:${port}/`, lookUp),
      openAt(`https://other.localhost:${port}/`, lookUp, other),
    ]) {
      for (const method of ['GET', 'POST']) {
        const error = await failing(http.send({ method }))
        expect(error).toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE', detail: expect.stringContaining('TLS') })
      }
    }
    expect(seen).toEqual([])
  })
})

test('the far end of a connection is looked at, however the connection came about', async () => {
  const target = await startTarget((_, response) => sendJson(response, {}))
  closing.push(() => target.close())
  // No settings lead here: what could not be configured must not be reached either.
  const connect = await createConnector(
    { baseUrl: `http://[::ffff:127.0.0.1]:${target.port}/`, allowPrivate: true, tls: {} },
    () => expect.unreachable('an address is not looked up'),
  )
  const hostname = '::ffff:7f00:1'
  const options = { hostname, host: hostname, protocol: 'http:', port: String(target.port) }
  const error = await new Promise((resolve) => connect(options, (...[problem]) => resolve(problem)))
  expect(error).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
  expect(target.arrived).toEqual([])
})

test('a connector connects to no host but its own, even where the address would do', async () => {
  const target = await startTarget((_, response) => sendJson(response, {}))
  closing.push(() => target.close())
  const connect = await createConnector(
    { baseUrl: `http://127.0.0.1:${target.port}/`, allowPrivate: true, tls: {} },
    (_, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
  )
  for (const hostname of ['127.0.0.2', 'localhost', 'other.example']) {
    const options = { hostname, host: hostname, protocol: 'http:', port: String(target.port) }
    const error = await new Promise((resolve) => connect(options, (...[problem]) => resolve(problem)))
    expect(error, hostname).toMatchObject({ code: 'ERR_HTTP_ADDRESS' })
  }
  expect(target.connections()).toBe(0)
})
