import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { brotliCompressSync, createGzip, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { Json } from '../../../src/call.ts'
import { CLEARED, type OpenHttp, openHttp } from './openHttp.ts'
import { type Answering, headerOf, sendJson, startTarget, type TargetServer } from './targetServer.ts'

const CANARY = 'canary-credential-0123456789'
const HELD = { headers: { Authorization: { env: 'AUTH' }, 'X-Team': 'infra' } }
const SECRETS = { AUTH: `Bearer ${CANARY}` }

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(
  answer: Answering,
  settings: Readonly<Record<string, unknown>> = {},
  secrets: Readonly<Record<string, string>> = {},
): Promise<{ target: TargetServer; http: OpenHttp }> {
  const target = await startTarget(answer)
  closing.push(() => target.close())
  return { target, http: openOn(`${target.url}/api/`, settings, secrets) }
}

function openOn(
  baseUrl: string,
  settings: Readonly<Record<string, unknown>> = {},
  secrets: Readonly<Record<string, string>> = {},
): OpenHttp {
  const http = openHttp({ baseUrl, ...settings }, secrets)
  closing.push(() => http.opened.close())
  return http
}

/** A server that answers each connection with these bytes, whatever was sent. */
async function startRaw(answer: (socket: Socket, head: string) => unknown): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    let head = ''
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1')
      if (head.includes('\r\n\r\n')) {
        answer(socket, head)
        head = ''
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/api/`
}

const ok: Answering = (_, response) => sendJson(response, { ok: true })
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => error,
  )

describe('what is sent', () => {
  test('arrives as it was judged, with the held headers, and answers JSON as a document', async () => {
    const { target, http } = await open((_, response) => sendJson(response, { id: 7 }), HELD, SECRETS)
    const output = await http.send({ path: 'builds/%41 b', query: { q: 'a b&c', tag: ['x', 'y'] } })
    expect(output.facts).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(output.document).toEqual({ name: 'body', value: { id: 7 }, hidden: [] })
    const [request] = target.arrived
    if (request === undefined) throw new Error('nothing arrived')
    expect(request.target).toBe('/api/builds/A%20b?q=a%20b%26c&tag=x&tag=y')
    expect(headerOf(request, 'authorization')).toBe(SECRETS.AUTH)
    expect(headerOf(request, 'x-team')).toBe('infra')
    expect(headerOf(request, 'host')).toBe(`127.0.0.1:${target.port}`)
    expect(http.taught).toContain(CANARY)
  })

  test('is nothing but what was judged: these headers, and no others', async () => {
    const { target, http } = await open(ok, HELD, SECRETS)
    await http.send({ headers: { 'If-None-Match': '"x"' } })
    await http.send({ method: 'POST', path: '/x', body: { a: 1 }, idempotency_key: 'key-1' })
    const names = target.arrived.map(({ rawHeaders }) => rawHeaders.filter((_, at) => at % 2 === 0).sort())
    const always = ['accept', 'accept-encoding', 'authorization', 'connection', 'host', 'user-agent', 'x-team']
    expect(names[0]).toEqual([...always, 'if-none-match'].sort())
    expect(names[1]).toEqual([...always, 'content-length', 'content-type', 'idempotency-key'].sort())
    expect(target.arrived[1]?.body).toBe('{"a":1}')
    expect(http.committed).toEqual([{ sent: true }])
  })

  test('every path that is understood arrives as it was judged', async () => {
    const { target, http } = await open(ok)
    const paths = [
      '',
      '/',
      'a/../b',
      "/Users('x')",
      '/%E6%BC%A2',
      '/größe/',
      '/a:b@c,d+e=f&g',
      '/%7euser/.hidden',
      '/a!$*()~_-.x',
    ]
    for (const path of paths) {
      const { judged } = await http.understand({ path, query: { p: path } })
      await http.send({ path, query: { p: path } })
      expect(target.arrived.at(-1)?.target, path).toBe((judged as readonly Json[])[1])
    }
  })

  test('reads share connections, one request at a time on each; every write has its own', async () => {
    const { target, http } = await open(ok)
    for (let n = 0; n < 5; n++) await http.send({})
    const shared = target.connections()
    expect(shared).toBeLessThan(5)
    for (let n = 0; n < 3; n++) await http.send({ method: 'POST' })
    expect(target.connections()).toBe(shared + 3)
  })

  test('a connection that was configured anew meanwhile sends nothing', async () => {
    const { target, http } = await open(ok)
    const understanding = await http.understand({ path: '/a' })
    http.use(openHttp({ baseUrl: `${target.url}/other/` }).settings())
    const error = await failing(understanding.execute(CLEARED, async () => {}, new AbortController().signal))
    expect(error).toMatchObject({ code: 'ERR_HTTP_CHANGED' })
    expect(target.arrived).toEqual([])
  })
})

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('%i is an answer, not a way to another request', async (status) => {
    const other = await startTarget(ok)
    closing.push(() => other.close())
    const { target, http } = await open(
      (_, response) => response.writeHead(status, { location: `${other.url}/steal?sig=signed-link#x` }).end(),
      HELD,
      SECRETS,
    )
    for (const method of ['GET', 'POST']) {
      const output = await http.send({ method })
      expect(output.facts).toMatchObject({ status, headers: { location: `${other.url}/steal?[not shown]` } })
    }
    expect(other.arrived).toEqual([])
    expect(target.arrived).toHaveLength(2)
  })

  test('to the same origin are not followed either; the path is there for another call', async () => {
    const { target, http } = await open((request, response) =>
      request.target === '/api/old'
        ? response.writeHead(302, { location: '../api/new?a=b' }).end()
        : sendJson(response, {}),
    )
    const output = await http.send({ path: '/old' })
    expect(output.facts).toMatchObject({ status: 302, headers: { location: '/api/new?a=b' } })
    expect(target.arrived).toHaveLength(1)
  })

  test('to nowhere, or with credentials in them, show nothing of that', async () => {
    const { http } = await open((request, response) => {
      const location = request.target.endsWith('1') ? 'http://u:p@other.example/x' : 'javascript:alert(1)'
      response.writeHead(302, { location }).end()
    })
    expect((await http.send({ path: '/1' })).facts?.headers).toEqual({ location: 'http://other.example/x' })
    expect((await http.send({ path: '/2' })).facts?.headers).toEqual({})
  })
})

describe('answers', () => {
  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['x-gzip', gzipSync],
  ])('in %s are unpacked', async (encoding, pack) => {
    const { http } = await open((_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        .end(pack('{"a":"ü"}')),
    )
    expect((await http.send({})).document?.value).toEqual({ a: 'ü' })
  })

  test('a bomb is unpacked to the cap and no further', async () => {
    let sent = 0
    const { http } = await open(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
        const gzip = createGzip({ level: 9 })
        gzip.on('data', (chunk: Buffer) => {
          sent += chunk.length
        })
        gzip.pipe(response)
        const zeros = Buffer.alloc(1024 ** 2, 'a')
        // A gigabyte, were it read: nobody drains it.
        const write = () => {
          while (!response.destroyed && gzip.bytesWritten < 1024 ** 3 && gzip.write(zeros));
          if (!response.destroyed) gzip.once('drain', write)
        }
        response.on('close', () => gzip.destroy())
        write()
      },
      { limits: { maxBytes: '64KiB' } },
    )
    const before = process.memoryUsage().arrayBuffers
    const output = await http.send({})
    expect(output.truncated).toBe(true)
    expect(output.texts?.[0]?.text.length).toBeLessThan(64 * 1024 * 5)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 ** 2)
    expect(sent).toBeLessThan(10 * 1024 ** 2)
  })

  test('more than the cap is cut, and says so; the socket is not drained', async () => {
    let written = 0
    const { http } = await open(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' })
        const write = () => {
          while (!response.destroyed) {
            written += 65_536
            if (!response.write('x'.repeat(65_536))) break
          }
          if (!response.destroyed) response.once('drain', write)
        }
        write()
      },
      { limits: { maxBytes: '16KiB' } },
    )
    const output = await http.send({})
    expect(output.truncated).toBe(true)
    expect(output.texts?.[0]?.name).toBe('body')
    expect(written).toBeLessThan(64 * 1024 ** 2)
  })

  test.each([
    ['two encodings', 'gzip, gzip'],
    ['an encoding nobody asked for', 'zstd'],
    ['an encoding that it is not in', 'gzip'],
    ['an encoding that it is not in', 'br'],
  ])('%s cannot be read', async (_, encoding) => {
    const { http } = await open((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/plain', 'content-encoding': encoding })
        .end('plain text, not packed'),
    )
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_HTTP_RESPONSE' })
    const output = await http.send({ method: 'POST' })
    expect(output.facts).toMatchObject({ status: 200 })
    expect(output.texts ?? output.document).toBeUndefined()
    expect(output.truncated).toBe(true)
  })

  test('are documents when they are JSON, and texts or nothing otherwise', async () => {
    const bodies: Readonly<Record<string, readonly [string, string | Buffer]>> = {
      '/json': ['application/problem+json', '{"id":9007199254740993}'],
      '/sniffed': ['text/plain', '[1]'],
      '/twice': ['application/json', '{"a":1,"a":2}'],
      '/text': ['text/plain', 'a log\n'],
      '/latin': ['text/plain; charset=iso-8859-1', Buffer.from([0x67, 0x72, 0xfc, 0xdf])],
      '/broken': ['text/plain', Buffer.from([0xff, 0xfe, 0x41])],
      '/nul': ['text/plain', 'a\0b'],
      '/utf16': ['text/plain; charset=utf-16', Buffer.from('ab', 'utf16le')],
      '/image': ['image/png', 'PNG'],
      '/empty': ['text/plain', ''],
    }
    const { http } = await open((request, response) => {
      const [type, body] = bodies[request.target.slice('/api'.length)] ?? ['', '']
      response.writeHead(200, { 'content-type': type }).end(body)
    })
    const contentOf = async (path: string) => {
      const { document, texts, facts } = await http.send({ path })
      return document?.value ?? texts?.[0]?.text ?? [facts?.body, facts?.body_bytes]
    }
    expect(await contentOf('/json')).toEqual({ id: '9007199254740993' })
    expect(await contentOf('/sniffed')).toEqual([1])
    expect(await contentOf('/twice')).toBe('{"a":1,"a":2}')
    expect(await contentOf('/text')).toBe('a log\n')
    expect(await contentOf('/latin')).toBe('grüß')
    for (const [path, size] of [
      ['/broken', 3],
      ['/nul', 3],
      ['/utf16', 4],
      ['/image', 3],
    ] as const) {
      expect(await contentOf(path), path).toEqual(['binary', size])
    }
    expect(await contentOf('/empty')).toEqual([undefined, undefined])
  })

  test('show a few headers, and never cookies or challenges', async () => {
    const { http } = await open(
      (_, response) =>
        response
          .writeHead(429, {
            'content-type': 'text/plain',
            etag: '"1"',
            'retry-after': '5',
            'x-request-id': 'r-1',
            'set-cookie': ['session=abc', 'b=c'],
            'www-authenticate': 'Bearer',
            'x-echo-authorization': 'x',
            link: '</api/?page=2>; rel="next"',
            'x-other': 'x',
          })
          .end('slow down'),
      { showHeaders: ['Link'] },
    )
    expect((await http.send({})).facts).toEqual({
      status: 429,
      headers: {
        'content-type': 'text/plain',
        etag: '"1"',
        'retry-after': '5',
        'x-request-id': 'r-1',
        link: '</api/?page=2>; rel="next"',
      },
    })
  })

  test('with headers that never end are given up', async () => {
    const url = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const write = () => {
        while (!socket.destroyed && socket.write(`x-${'a'.repeat(100)}: ${'b'.repeat(1_000)}\r\n`));
        if (!socket.destroyed) socket.once('drain', write)
      }
      write()
    })
    expect(await failing(openOn(url).send({}))).toMatchObject({ code: 'ERR_HTTP_RESPONSE' })
    expect(await failing(openOn(url).send({ method: 'POST' }))).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
  })

  test.each([
    ['two lengths', 'ERR_HTTP_RESPONSE', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 20\r\n\r\nok'],
    [
      'a length and chunks',
      'ERR_HTTP_RESPONSE',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['no HTTP', 'ERR_HTTP_RESPONSE', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['a status that is none', 'ERR_HTTP_RESPONSE', 'HTTP/1.1 2x0 ok\r\n\r\n'],
    ['a chunk without length', 'ERR_HTTP_RESPONSE', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['a body shorter than it says', 'ERR_TARGET_UNAVAILABLE', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nok'],
  ])('with %s are no answer', async (_, code, bytes) => {
    const url = await startRaw((socket) => socket.end(bytes))
    expect(await failing(openOn(url).send({}))).toMatchObject({ code })
  })

  test('that follow an answer unasked are nobody’s', async () => {
    const planted = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nplanted'
    const url = await startRaw((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nreal${planted}`),
    )
    const http = openOn(url)
    const seen: unknown[] = []
    for (let n = 0; n < 5; n++)
      seen.push(
        await http.send({}).then(
          ({ texts }) => texts?.[0]?.text,
          ({ code }) => code,
        ),
      )
    expect(seen).not.toContain('planted')
  })
})

describe('masking rules', () => {
  const MASK = { mask: ['/users/*/email', '/**/ssn'] }

  test('name the members to hide, whatever stands there', async () => {
    const value = {
      users: [
        { id: 1, email: 'a@b.c' },
        { id: 2, email: null },
      ],
      deep: { ssn: { x: 1 } },
    }
    const { http } = await open((_, response) => sendJson(response, value), MASK)
    const { document } = await http.send({})
    expect(document?.hidden).toEqual([
      { pointer: '/users/0/email', why: '/users/*/email' },
      { pointer: '/users/1/email', why: '/users/*/email' },
      { pointer: '/deep/ssn', why: '/**/ssn' },
    ])
  })

  test.each([
    ['text/csv', 'id,email\n1,a@b.c'],
    ['application/json', '{"users":[{"email":"a@b.c"}'],
    ['application/json', '{"users":[],"users":[{"email":"a@b.c"}]}'],
    ['application/x-ndjson', '{"email":"a@b.c"}\n{"email":"d@e.f"}\n'],
    ['text/html', '<p>a@b.c</p>'],
    ['image/png', 'a@b.c'],
  ])('withhold what they cannot be applied to: %s %s', async (type, body) => {
    const { http } = await open(
      (_, response) => response.writeHead(200, { 'content-type': type, etag: '"digest"' }).end(body),
      MASK,
    )
    const output = await http.send({})
    expect(JSON.stringify(output)).not.toMatch(/a@b|digest|body_bytes/)
    expect(output.masked).toEqual([{ where: 'body', why: 'not JSON, so masking rules cannot be applied', count: 1 }])
  })

  test('withhold what is larger than they are applied to', async () => {
    const users = Array.from({ length: 5_000 }, (_, id) => ({ id, email: `user${id}@corp.example` }))
    const { http } = await open((_, response) => sendJson(response, { users }), {
      ...MASK,
      limits: { maxBytes: '1KiB' },
    })
    const output = await http.send({})
    expect(output).toMatchObject({ truncated: true, masked: [{ where: 'body' }] })
    expect(JSON.stringify(output)).not.toContain('corp.example')
  })

  test('hide digests of what they hide, and of what was not looked at', async () => {
    const { http } = await open((request, response) => {
      const value = request.target.endsWith('users') ? { users: [{ email: 'a' }] } : { jobs: [] }
      response.writeHead(200, { 'content-type': 'application/json', etag: '"digest"' }).end(JSON.stringify(value))
    }, MASK)
    const headersOf = async (args: Readonly<Record<string, unknown>>) => (await http.send(args)).facts?.headers
    const type = { 'content-type': 'application/json' }
    expect(await headersOf({ path: '/users' })).toEqual(type)
    expect(await headersOf({ path: '/users', method: 'HEAD' })).toEqual(type)
    expect(await headersOf({ path: '/jobs' })).toEqual({ ...type, etag: '"digest"' })
  })
})

describe('time and loss', () => {
  test('a read that drips is given up after the timeout', async () => {
    const { http } = await open(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' })
        const timer = setInterval(() => response.write('.'), 10)
        response.on('close', () => clearInterval(timer))
      },
      { limits: { timeout: '300ms' } },
    )
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_HTTP_TIMEOUT' })
    // Its status is known, so the outcome of a write is too.
    const output = await http.send({ method: 'DELETE' })
    expect(output).toMatchObject({ facts: { status: 200 }, truncated: true })
  })

  test('a server that never answers: a read has timed out, of a write nobody knows', async () => {
    const { target, http } = await open(() => undefined, { limits: { timeout: '300ms' } })
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_HTTP_TIMEOUT' })
    expect(await failing(http.send({ method: 'POST' }))).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
    expect(target.arrived).toHaveLength(2)
  })

  test('a connection that is lost after sending: a read is unavailable, of a write nobody knows, and it is not repeated', async () => {
    const { target, http } = await open((_, __, raw) => raw.socket.destroy())
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    expect(await failing(http.send({ method: 'POST', body: { a: 1 } }))).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
    expect(target.arrived.map(({ method }) => method)).toEqual(['GET', 'POST'])
  })

  test('a server that is not there: nothing was sent, so a write has failed', async () => {
    const { target, http } = await open(ok)
    await target.close()
    expect(await failing(http.send({ method: 'POST' }))).toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
  })

  test('a read ends when its caller leaves, and the server sees it', async () => {
    let left: Promise<unknown> = Promise.resolve()
    const controller = new AbortController()
    const { http } = await open((_, response) => {
      left = once(response, 'close')
      controller.abort()
    })
    expect(await failing(http.send({}, controller.signal))).toMatchObject({ code: 'ERR_CANCELLED' })
    await left
  })

  test('a caller that has left before sends nothing', async () => {
    const { target, http } = await open(ok)
    expect(await failing(http.send({}, AbortSignal.abort()))).toMatchObject({ code: 'ERR_CANCELLED' })
    expect(target.arrived).toEqual([])
  })
})

describe('the credential', () => {
  const strict: Answering = (request, response) =>
    headerOf(request, 'authorization') === 'Bearer second-credential-0123456789'
      ? sendJson(response, { ok: true })
      : sendJson(response, { seen: headerOf(request, 'authorization') ?? null }, 401)

  test('is read anew when it is refused, and a read is sent again', async () => {
    const { target, http } = await open(strict, HELD, { AUTH: 'Bearer first-credential-0123456789' })
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(target.arrived).toHaveLength(1)
    http.secrets.set('AUTH', 'Bearer second-credential-0123456789')
    expect((await http.send({})).facts).toMatchObject({ status: 200 })
    expect(target.arrived).toHaveLength(3)
  })

  test('is read anew after a write that was refused, and the write is not sent again', async () => {
    const { target, http } = await open(strict, HELD, { AUTH: 'Bearer first-credential-0123456789' })
    await failing(http.send({}))
    http.secrets.set('AUTH', 'Bearer second-credential-0123456789')
    expect(await failing(http.send({ method: 'POST' }))).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(target.arrived.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect((await http.send({ method: 'POST' })).facts).toMatchObject({ status: 200 })
  })

  test('that is not one line is not sent', async () => {
    const { target, http } = await open(ok, HELD, { AUTH: 'Bearer a\r\nx-admin: true' })
    expect(await failing(http.send({}))).toMatchObject({ code: 'ERR_SECRET' })
    expect(target.arrived).toEqual([])
  })

  test('of Basic authentication teaches the masker what is inside', async () => {
    const basic = Buffer.from('robot:a-password-of-some-length').toString('base64')
    const { http } = await open(ok, HELD, { AUTH: `Basic ${basic}` })
    await http.send({})
    expect(http.taught).toEqual([basic, 'robot:a-password-of-some-length', 'a-password-of-some-length'])
  })
})

describe('selfTest', () => {
  test('says that the target answers, and what is unwise', async () => {
    const { http } = await open(ok, HELD, { AUTH: 'short' })
    expect(await http.opened.selfTest('api')).toEqual([
      { level: 'ok', about: 'connections.api', message: 'answers (status 200 for the base URL)' },
      expect.objectContaining({ level: 'warning', about: 'connections.api.headers.authorization' }),
    ])
  })

  test('says that it does not, or that it refuses the credential, and nothing of what it says', async () => {
    const { target, http } = await open(
      (request, response) => sendJson(response, { x: CANARY }, request.target.length > 5 ? 403 : 401),
      HELD,
      SECRETS,
    )
    expect(await http.opened.selfTest('api')).toMatchObject([
      { level: 'error', message: expect.stringContaining('401') },
    ])
    await target.close()
    http.opened.reconnect()
    const findings = await http.opened.selfTest('api')
    expect(findings).toMatchObject([{ level: 'error' }])
    expect(JSON.stringify(findings)).not.toContain(CANARY)
  })
})
