import { connect } from 'node:net'
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterEach, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/mcp/createHttpServer.ts'
import { echoFront } from '../fixtures/echoFront.ts'
import { HEADERS, startWire, toolsCall } from '../fixtures/wire.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const wire of open.splice(0)) await wire.close()
})
async function wireFor(...args: Parameters<typeof startWire>) {
  const wire = await startWire(...args)
  open.push(wire)
  return wire
}
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('protocol versions', () => {
  test('a 2026-07-28 client and a 2025 client get the same answer from one endpoint', async () => {
    const { front, calls } = echoFront()
    const { url } = await wireFor(front)
    const requestInit = { headers: { authorization: 'Bearer good' } }

    const modern = new ModernClient({ name: 'modern', version: '2' }, { versionNegotiation: { mode: 'auto' } })
    await modern.connect(new ModernTransport(new URL(url), { requestInit }))
    const first = await modern.callTool({ name: 'run_sql', arguments: { sql: 'select 1' } })
    await modern.close()

    const legacy = new LegacyClient({ name: 'legacy', version: '1' })
    // The cast: this SDK's types do not know exactOptionalPropertyTypes.
    await legacy.connect(new LegacyTransport(new URL(url), { requestInit }) as never)
    const second = await legacy.callTool({ name: 'run_sql', arguments: { sql: 'select 1' } })
    await legacy.close()

    for (const result of [first, second]) {
      expect(result.structuredContent).toMatchObject({ status: 'ok', result: { echo: { sql: 'select 1' } } })
      const [content] = result.content as { type: string; text: string }[]
      expect(JSON.parse(content?.text ?? '')).toEqual(result.structuredContent)
    }
    expect(calls.map((call) => call.agent.name)).toEqual(['modern', expect.stringContaining('node')])
  })

  test('each caller is listed its own tools, with all four annotations', async () => {
    const { front } = echoFront()
    const { url } = await wireFor(front)
    const list = async (token: string) => {
      const client = new ModernClient({ name: 'lister', version: '1' })
      await client.connect(
        new ModernTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
      )
      const { tools } = await client.listTools()
      await client.close()
      return tools
    }
    const [tool] = await list('good')
    expect(tool).toMatchObject({
      name: 'run_sql',
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    })
    expect((await list('good-admin')).map(({ name }) => name)).toEqual(['run_sql_admin'])
  })

  test('GET and DELETE answer 405: there are no sessions', async () => {
    const { url } = await wireFor(echoFront().front)
    for (const method of ['GET', 'DELETE']) {
      expect((await fetch(url, { method, headers: HEADERS })).status).toBe(405)
    }
  })
})

describe('what is turned away before it is a call, and recorded', () => {
  const cases: [string, number, string, () => { body: unknown; headers?: Record<string, string> }][] = [
    ['no credential', 401, 'ERR_TOKEN_MISSING', () => ({ body: {}, headers: { authorization: '' } })],
    [
      'a credential that is not a bearer token',
      401,
      'ERR_TOKEN_MISSING',
      () => ({ body: {}, headers: { authorization: 'Basic Z29vZDo=' } }),
    ],
    ['a bad credential', 401, 'ERR_TOKEN_SIGNATURE', () => ({ body: {}, headers: { authorization: 'Bearer bad' } })],
    ['a foreign origin', 403, 'ERR_ORIGIN', () => ({ body: {}, headers: { origin: 'https://evil.example' } })],
    ['a body over 1 MiB', 413, 'ERR_BODY_TOO_LARGE', () => ({ body: 'x'.repeat(1024 * 1024 + 1) })],
    ['a body that is not JSON', 400, 'ERR_BODY_MALFORMED', () => ({ body: '{"jsonrpc":' })],
    ['a batch', 400, 'ERR_BODY_MALFORMED', () => ({ body: [toolsCall('run_sql', {}), toolsCall('run_sql', {}, 2)] })],
    [
      'a batch of what is no message',
      400,
      'ERR_BODY_MALFORMED',
      () => ({ body: Array.from({ length: 1_000 }, () => ({ method: 'tools/call' })) }),
    ],
    [
      'arguments without a bottom',
      400,
      'ERR_BODY_MALFORMED',
      () => ({
        body: JSON.stringify(toolsCall('run_sql', { deep: 'x' })).replace('"x"', '['.repeat(9_999) + ']'.repeat(9_999)),
      }),
    ],
    ['a compressed body', 400, 'ERR_BODY_MALFORMED', () => ({ body: '{}', headers: { 'content-encoding': 'gzip' } })],
  ]
  test.each(cases)('%s', async (_title, status, code, make) => {
    const { front, calls, refusals } = echoFront()
    const { url } = await wireFor(front)
    const { body, headers } = make()
    const response = await post(url, body, headers)
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(code)
    expect(refusals.map((refusal) => refusal.code)).toEqual([code])
    expect(calls).toEqual([])
    expect(response.headers.has('www-authenticate')).toBe(status === 401)
  })

  test('a body with invalid UTF-8 is refused, not repaired', async () => {
    const { front, calls, refusals } = echoFront()
    const { url } = await wireFor(front)
    const bytes = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}}'),
    ])
    const response = await fetch(url, { method: 'POST', headers: HEADERS, body: bytes })
    expect(response.status).toBe(400)
    expect(refusals[0]?.code).toBe('ERR_BODY_MALFORMED')
    expect(calls).toEqual([])
  })

  test('a foreign Host header, as after DNS rebinding', async () => {
    const { front, refusals } = echoFront()
    const { port } = await wireFor(front)
    const answer = await rawRequest(
      port,
      `POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 403 /)
    expect(refusals[0]?.code).toBe('ERR_HOST')
  })

  test('a foreign Host header, whatever the last good one was, and a foreign one is no good one after that', async () => {
    const { front, refusals } = echoFront()
    const { port } = await wireFor(front)
    const statusFor = async (host: string, path = '/') => {
      const answer = await rawRequest(port, `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
      return answer.slice(9, 12)
    }
    const hosts = [
      'Host: 127.0.0.1\r\n',
      'Host: evil.example\r\n',
      `Host: localhost:${port}\r\n`,
      'Host: evil.example\r\n',
    ]
    const statuses = []
    for (const host of [...hosts, 'Host: 127.0.0.1.evil.example\r\n', 'Host: 127.0.0.1\r\n', 'Host:\r\n']) {
      statuses.push(await statusFor(host), await statusFor(host, '/mcp'))
    }
    const [good, bad] = [
      ['404', '405'],
      ['403', '403'],
    ]
    expect(statuses).toEqual([good, bad, good, bad, bad, good, bad].flat())
    expect(refusals.map(({ code }) => code)).toEqual(Array.from({ length: 8 }, () => 'ERR_HOST'))
  })

  test('a chunked body that grows past the limit is cut off', async () => {
    const { front, refusals } = echoFront()
    const { port } = await wireFor(front)
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const head =
      'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
    const answer = await rawRequest(port, head + chunk.repeat(20))
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(refusals[0]?.code).toBe('ERR_BODY_TOO_LARGE')
  })

  test.each([
    ['without a name', { arguments: {} }, undefined],
    ['with arguments that are a list', { name: 'run_sql', arguments: [1] }, 'run_sql'],
    ['with arguments that are text', { name: 'run_sql', arguments: 'DROP' }, 'run_sql'],
  ])('a tools/call %s', async (_title, params, tool) => {
    const { front, calls, refusals } = echoFront()
    const { url } = await wireFor(front)
    await (await post(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params })).text()
    await expect.poll(() => refusals).toMatchObject([{ code: 'ERR_ARGUMENTS', tool }])
    expect(calls).toEqual([])
  })

  test.each([
    ['that is no JSON-RPC', { jsonrpc: undefined }],
    ['without an id, which nobody could answer', { id: undefined }],
    ['with a progress token that is none', { params: { name: 'run_sql', _meta: { progressToken: {} } } }],
  ])('a tools/call %s', async (_title, change) => {
    const { front, calls, refusals } = echoFront()
    const { url } = await wireFor(front)
    await (await post(url, { ...toolsCall('run_sql', {}), ...change })).text()
    await expect.poll(() => refusals).toMatchObject([{ code: 'ERR_ARGUMENTS', tool: 'run_sql' }])
    expect(calls).toEqual([])
  })

  test('a request target that is no address is nothing that is served, and no trouble', async () => {
    const { port, errors } = await wireFor(echoFront().front)
    for (const target of ['//', '/\\', 'http://[', '//x:99999/mcp']) {
      const answer = await rawRequest(port, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 404 /)
    }
    expect(errors).toEqual([])
  })

  test('a long body on a route beside MCP, which reads it before anybody is authenticated', async () => {
    const handled: unknown[] = []
    const route = {
      matches: (path: string) => path === '/api/x',
      handle: async ({ body }: { body: unknown }) => {
        handled.push(body)
        return { status: 200, body: {} }
      },
    }
    const { url } = await wireFor(echoFront().front, {}, [route])
    const send = (length: number) => post(new URL('/api/x', url).href, JSON.stringify('x'.repeat(length)))
    expect((await send(16 * 1024)).status).toBe(413)
    expect(handled).toEqual([])
    expect((await send(15 * 1024)).status).toBe(200)
  })
})

describe('limits', () => {
  test('a caller over its rate is told how long to wait, and others are served', async () => {
    const { front, refusals } = echoFront()
    const { url } = await wireFor(front, { limits: { ...DEFAULT_LIMITS, caller: { perSecond: 0.01, burst: 2 } } })
    const call = (token: string) => post(url, toolsCall('run_sql', {}), { authorization: `Bearer ${token}` })
    expect((await call('good-a')).status).toBe(200)
    expect((await call('good-a')).status).toBe(200)
    const third = await call('good-a')
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call('good-b')).status).toBe(200)
    expect(refusals.map(({ code, caller }) => [code, caller?.key.endsWith('good-a')])).toEqual([
      ['ERR_RATE_LIMIT', true],
    ])
  })

  test('an address that keeps sending bad tokens gets 429, and good tokens from the same proxy still pass', async () => {
    const { front, calls } = echoFront()
    const { url } = await wireFor(front, { limits: { ...DEFAULT_LIMITS, refusals: { perSecond: 0.01, burst: 3 } } })
    for (let n = 0; n < 3; n += 1) expect((await post(url, {}, { authorization: 'Bearer bad' })).status).toBe(401)
    const fourth = await post(url, {}, { authorization: 'Bearer bad' })
    expect(fourth.status).toBe(429)
    expect(fourth.headers.has('www-authenticate')).toBe(false)
    expect((await post(url, toolsCall('run_sql', {}))).status).toBe(200)
    expect(calls).toHaveLength(1)
  })

  test('calls over the concurrency limit are told that nothing was executed, and the places come back', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { front, calls } = echoFront(async () => {
      await held
      return {}
    })
    const { url } = await wireFor(front, { limits: { ...DEFAULT_LIMITS, concurrent: { perKey: 2, total: 10 } } })
    const running = [post(url, toolsCall('run_sql', {})), post(url, toolsCall('run_sql', {}))]
    await expect.poll(() => calls.length).toBe(2)
    const refused = await post(url, toolsCall('run_sql', {}))
    expect(refused.status).toBe(503)
    expect(await refused.text()).toContain('nothing was executed')
    release()
    for (const response of await Promise.all(running)) expect(await response.text()).toContain('"status')
    await expect.poll(async () => (await post(url, toolsCall('run_sql', {}))).status).toBe(200)
  })
})

describe('calls that wait', () => {
  test('progress reaches the client while the call is open', async () => {
    const { front } = echoFront(async (_call, waiter) => {
      await waiter.progress('Waiting for approval')
      await waiter.progress('Still waiting')
      return {}
    })
    const { url } = await wireFor(front)
    const client = new ModernClient({ name: 'patient', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(
      new ModernTransport(new URL(url), { requestInit: { headers: { authorization: 'Bearer good' } } }),
    )
    const seen: string[] = []
    await client.callTool({ name: 'run_sql', arguments: {} }, { onprogress: ({ message }) => seen.push(message ?? '') })
    await client.close()
    expect(seen).toEqual(['Waiting for approval', 'Still waiting'])
  })

  test('closing the stream aborts the waiter', async () => {
    let aborted = false
    const { front, calls } = echoFront(
      (_call, waiter) =>
        new Promise((resolve) => {
          waiter.signal.addEventListener('abort', () => {
            aborted = true
            resolve({})
          })
        }),
    )
    const { url } = await wireFor(front)
    const abort = new AbortController()
    const request = fetch(url, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify(toolsCall('run_sql', {})),
      signal: abort.signal,
    })
      .then((response) => response.text())
      .catch(() => 'gone')
    await expect.poll(() => calls.length).toBe(1)
    abort.abort()
    await request
    await expect.poll(() => aborted).toBe(true)
  })
})

test('the arguments of a call are frozen: nothing between judgement and execution can change them', async () => {
  const { front, calls } = echoFront()
  const { url } = await wireFor(front)
  await (await post(url, toolsCall('run_sql', { sql: 'select 1', nested: { list: [1] } }))).text()
  const args = calls[0]?.args as { nested: { list: number[] } }
  expect(Object.isFrozen(args) && Object.isFrozen(args.nested) && Object.isFrozen(args.nested.list)).toBe(true)
})

test('the credential does not travel into the SDK: neither its auth info nor its copy of the request has it', async () => {
  const { front } = echoFront()
  const wire = await wireFor(front)
  await (await post(wire.url, toolsCall('run_sql', {}), { authorization: 'Bearer good-CANARY' })).text()
  expect(JSON.stringify(wire.errors)).not.toContain('CANARY')
})

function rawRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', () => resolve(answer))
  })
}
