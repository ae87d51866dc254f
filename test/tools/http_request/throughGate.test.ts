import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RealGate, startRealGate } from '../../fixtures/realGate.ts'
import { type Answering, headerOf, sendJson, startTarget, type TargetServer } from './targetServer.ts'

const CANARY = 'kx9-canary-of-the-deploy-api-4711'
const ROTATED = 'kx9-canary-after-its-rotation-0815'

const POLICY = `
policy: db-maintenance-agents
connection: api
rules:
  - match: { operation: GET, path: "/**" }
    action: allow
  - name: free
    match: { operation: POST, path: "/notes/**" }
    action: allow
  - name: deploy
    match: { operation: POST, path: "/deploy/*" }
    action: require-approval
    approval: { preview: required, reason: required }
  - name: counted
    match: { operation: DELETE, path: "/rows/*" }
    action: require-approval
    approval: { maxRows: 5 }
record: true
`

let gate: RealGate
let target: TargetServer
let answer: Answering

const http = (args: Readonly<Record<string, unknown>>) =>
  gate.call('http_request', { connection: 'api', method: 'GET', ...args })

beforeAll(async () => {
  target = await startTarget((...exchange) => answer(...exchange))
  gate = await startRealGate({
    policies: [POLICY],
    connections: {
      api: {
        type: 'http',
        baseUrl: `${target.url}/v1/`,
        // A file that is there already: rotation writes it anew.
        headers: { Authorization: { file: 'secrets/gate_rw' } },
        mask: ['/users/*/email', '/**/ssn'],
        limits: { timeout: '5s', maxBytes: '16KiB' },
        labels: { env: 'prod' },
      },
    },
    // The file is the password of nothing here.
    connection: { write: undefined },
  })
  await writeFile(join(gate.dir, 'secrets', 'gate_rw'), `Bearer ${CANARY}`)
  await gate.gateway.reload()
}, 60_000)
afterAll(async () => {
  await gate?.stop()
  await target?.close()
})
beforeEach(() => {
  answer = (_, response) => sendJson(response, { ok: true })
})

/** Somebody else: how many approvals one caller may ask for in a minute is limited. */
async function openOther() {
  const oid = '6f1c1b3e-0000-4000-8000-200000000001'
  const token = await gate.mint('app-only', { claims: { oid, sub: oid } })
  return (tool: string, args: Readonly<Record<string, unknown>>) => gate.call(tool, args, { token })
}

const isSent = (method: string) => target.arrived.filter((request) => request.method === method)

describe('through a client of the current SDK', () => {
  test('a read answers at once: status, headers and the masked document, once as text and once structured', async () => {
    answer = (_, response) =>
      sendJson(response, { users: [{ id: 9007199254740, email: 'zq7@hush.example' }], note: 'token ghp_', ssn: 5 })
    const client = await gate.connectClient()
    const result = await client.callTool({
      name: 'http_request',
      arguments: { connection: 'api', method: 'GET', path: '/users', query: { page: '2' } },
    })
    const envelope = result.structuredContent as { result: Record<string, unknown>; masked: unknown[] }
    expect(envelope).toMatchObject({
      status: 'ok',
      result: {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { users: [{ id: 9007199254740, email: '[masked:/users/*/email]' }], ssn: '[masked:/**/ssn]' },
        command: 'GET',
        truncated: false,
      },
      masked: [
        { where: 'body/users/*/email', count: 1 },
        { where: 'body/ssn', count: 1 },
      ],
    })
    expect(JSON.stringify(result)).not.toContain('hush.example')
    await client.close()
  })

  test('the tool tells what it takes, and list_connections what is open and what is gated', async () => {
    const client = await gate.connectClient()
    const { tools } = await client.listTools()
    const tool = tools.find(({ name }) => name === 'http_request')
    expect(Object.keys(tool?.inputSchema.properties ?? {})).toEqual([
      ...['connection', 'method', 'path', 'query', 'headers', 'body', 'reason', 'idempotency_key'],
    ])
    const listed = JSON.stringify(await client.callTool({ name: 'list_connections', arguments: {} }))
    expect(listed).toContain('api')
    expect(listed).toContain('/deploy/*')
    expect(listed).not.toContain(CANARY)
    await client.close()
  })
})

describe('a gated write', () => {
  const deploy = {
    method: 'POST',
    path: '/deploy/web',
    body: { version: '1.2.3', env: 'prod' },
    reason: 'Release day.',
  }

  test('waits, shows the whole request, and is sent once, as it was shown, with the caller’s idempotency key', async () => {
    const before = isSent('POST').length
    const waiting = await http({ ...deploy, idempotency_key: 'release-1.2.3' })
    expect(waiting.status).toBe('pending_approval')
    expect(isSent('POST')).toHaveLength(before)
    const reviewer = gate.reviewer()
    const view = await reviewer.show(waiting.approval_id ?? '')
    expect(view.what.fields.map(({ name, text }) => [name, text])).toEqual([
      ['request', `POST ${target.url}/v1/deploy/web`],
      [
        'headers',
        'content-type: application/json\nidempotency-key: release-1.2.3\nauthorization: (held by the gateway)',
      ],
      ['body', '{\n  "version": "1.2.3",\n  "env": "prod"\n}'],
    ])
    expect(view.effect?.lines).toContain(
      `sends POST to 127.0.0.1:${target.port}, a write: it is sent once, and never repeated`,
    )
    expect(view.one_click).toBe(true)
    await reviewer.approve(view.id)
    answer = (_, response) => response.writeHead(201, { location: '/v1/queue/7' }).end()
    const done = await gate.call('await_approval', { approval_id: view.id })
    expect(done).toMatchObject({ status: 'ok', result: { status: 201, headers: { location: '/v1/queue/7' } } })
    const again = await http({ ...deploy, idempotency_key: 'release-1.2.3' })
    expect(again.message).toContain('it was not run again')
    const sent = isSent('POST').slice(before)
    expect(sent).toHaveLength(1)
    expect(sent[0]?.body).toBe('{"version":"1.2.3","env":"prod"}')
    expect(sent[0] && headerOf(sent[0], 'idempotency-key')).toBe('release-1.2.3')
  })

  test('that is approved with one idempotency key is not approved with another: it is sent, and reviewers saw it', async () => {
    const call = { connection: 'api', ...deploy, body: { version: '7.7.7' } }
    const other = await openOther()
    const before = isSent('POST').length
    const waiting = await other('http_request', { ...call, idempotency_key: 'key-that-was-seen' })
    await gate.reviewer().approve(waiting.approval_id ?? '')
    const unseen = await other('http_request', { ...call, idempotency_key: 'key-that-was-not-seen' })
    expect(unseen).toMatchObject({ status: 'pending_approval' })
    expect(unseen.approval_id).not.toBe(waiting.approval_id)
    expect(isSent('POST')).toHaveLength(before)
    expect(await other('await_approval', { approval_id: waiting.approval_id })).toMatchObject({ status: 'ok' })
    const [sent] = isSent('POST').slice(before)
    expect(sent && headerOf(sent, 'idempotency-key')).toBe('key-that-was-seen')
  })

  test('that was approved as a write, sent once, is not run as a read after a reload', async () => {
    const other = await openOther()
    const waiting = await other('http_request', { connection: 'api', ...deploy, body: { version: '8.8.8' } })
    await gate.reviewer().approve(waiting.approval_id ?? '')
    const before = target.arrived.length
    const written = await readFile(gate.configPath, 'utf8')
    const changed = JSON.parse(written)
    changed.connections.api.readMethods = ['GET', 'POST']
    await writeFile(gate.configPath, JSON.stringify(changed))
    await gate.gateway.reload()
    const answered = await other('await_approval', { approval_id: waiting.approval_id })
    await writeFile(gate.configPath, written)
    await gate.gateway.reload()
    expect(answered).toMatchObject({ code: 'ERR_APPROVAL_CHANGED' })
    expect(target.arrived.slice(before).filter(({ method }) => method === 'POST')).toEqual([])
  })

  test('that is denied is never sent', async () => {
    const before = target.arrived.length
    const waiting = await http({ ...deploy, body: { version: '6.6.6' } })
    await gate.reviewer().deny(waiting.approval_id ?? '', 'Not on a Friday.')
    expect(await gate.call('await_approval', { approval_id: waiting.approval_id })).toMatchObject({ status: 'denied' })
    expect(target.arrived).toHaveLength(before)
  })

  test('that is approved for one body is not approved for another, nor for another path', async () => {
    const waiting = await http({ ...deploy, body: { version: '1.0.0' } })
    await gate.reviewer().approve(waiting.approval_id ?? '')
    const before = target.arrived.length
    for (const other of [{ body: { version: '1.0.1' } }, { path: '/deploy/api' }, { query: { force: 'true' } }]) {
      const answered = await http({ ...deploy, body: { version: '1.0.0' }, ...other })
      expect(answered.status).toBe('pending_approval')
      expect(answered.approval_id).not.toBe(waiting.approval_id)
    }
    expect(target.arrived).toHaveLength(before)
  })

  test('whose answer is lost is unknown, and is not sent again', async () => {
    answer = (_, __, raw) => raw.socket.destroy()
    const lost = await http({ method: 'POST', path: '/notes/1', body: { text: 'x' }, idempotency_key: 'note-1' })
    expect(lost).toMatchObject({ status: 'unknown', code: 'ERR_OUTCOME_UNKNOWN' })
    const before = isSent('POST').length
    answer = (_, response) => sendJson(response, { ok: true })
    const again = await http({ method: 'POST', path: '/notes/1', body: { text: 'x' }, idempotency_key: 'note-1' })
    expect(again.code).toBe('ERR_OUTCOME_UNKNOWN')
    expect(isSent('POST')).toHaveLength(before)
    const finished = (await gate.readTrail()).filter(
      ({ event, call }) => event === 'call.finished' && call === lost.call_id,
    )
    expect(finished).toMatchObject([{ status: 'unknown' }])
  })

  test('that a rule limits to rows is refused: nobody can count them', async () => {
    const waiting = await http({ method: 'DELETE', path: '/rows/1' })
    await gate.reviewer().approve(waiting.approval_id ?? '')
    const before = target.arrived.length
    expect(await gate.call('await_approval', { approval_id: waiting.approval_id })).toMatchObject({
      code: 'ERR_HTTP_ROWS',
    })
    expect(target.arrived).toHaveLength(before)
  })

  test('with a secret in it hides the secret from reviewers and the trail, and is no one-click approval', async () => {
    const secret = `ghp_${randomBytes(18).toString('hex')}`
    const waiting = await http({
      ...deploy,
      body: { token: secret, password: 'hunter2-hunter2' },
      query: { access_token: secret },
    })
    expect(waiting.status).toBe('pending_approval')
    const view = await gate.reviewer().show(waiting.approval_id ?? '')
    expect(view.one_click).toBe(false)
    const trail = JSON.stringify(await gate.readTrail())
    for (const text of [JSON.stringify(view), trail, JSON.stringify(waiting)]) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain('hunter2-hunter2')
    }
  })
})

describe('what is hidden', () => {
  test('changes nothing in any answer: every byte is the same whatever stands there', async () => {
    const shapes: readonly ((secret: unknown) => unknown)[] = [
      (secret) => ({
        users: [
          { id: 1, email: secret },
          { id: 2, email: secret },
        ],
        total: 2,
      }),
      (secret) => ({ users: { a: { email: secret } }, deep: [{ x: { ssn: secret } }] }),
      (secret) => ({ users: [{ email: { inner: secret } }] }),
      (secret) => ({ users: Array.from({ length: 400 }, (_, id) => ({ id, email: secret })) }),
      (secret) => [{ ssn: secret }],
    ]
    const secrets = ['a@b.c', null, 'z'.repeat(3_000), 12, { k: [1] }, 'postgres://u:p@h/d', '[masked:x]', `\u0000"\\`]
    for (const [index, shape] of shapes.entries()) {
      const seen = new Set<string>()
      for (const secret of index === 3 ? secrets.filter((value) => String(value).length < 100) : secrets) {
        const body = JSON.stringify(shape(secret))
        answer = (_, response) =>
          response.writeHead(200, { 'content-type': 'application/json', etag: `"${body.length}"` }).end(body)
        const { call_id: _, ...rest } = await http({ path: `/shape/${index}` })
        seen.add(JSON.stringify(rest))
      }
      expect([...seen], `shape ${index}`).toHaveLength(1)
    }
  })
})

describe('the credential of the connection', () => {
  test('is read anew from its file when it is refused, and the old and the new one stay hidden', async () => {
    answer = (request, response) => {
      const sent = headerOf(request, 'authorization')
      sendJson(response, { sent }, sent === `Bearer ${ROTATED}` ? 200 : 401)
    }
    expect(await http({ path: '/who' })).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    await writeFile(join(gate.dir, 'secrets', 'gate_rw'), `Bearer ${ROTATED}\n`)
    const answered = await http({ path: '/who' })
    expect(answered).toMatchObject({ status: 'ok', result: { status: 200 } })
    expect(JSON.stringify(answered)).not.toContain('kx9')
    answer = (_, response) => sendJson(response, { old: `Bearer ${CANARY}`, new: ROTATED })
    expect(
      JSON.stringify(
        await gate.call('http_request', { connection: 'api', method: 'GET', path: '/both' }, await otherCaller()),
      ),
    ).not.toContain('kx9')
  })

  test('comes out nowhere: errors, statuses, refusals, explanations, redirects, approvals, trail and log', async () => {
    const caller = await otherCaller()
    const seen: unknown[] = []
    const call = async (tool: string, args: Readonly<Record<string, unknown>>) =>
      seen.push(await gate.call(tool, args, await otherCaller()).catch(String))
    const guess = { connection: 'api', method: 'GET', path: `/x/${ROTATED}` }
    for (const status of [200, 302, 400, 403, 404, 500, 503]) {
      answer = (request, response) =>
        response
          .writeHead(status, {
            location: `/v1/x?token=${ROTATED}`,
            etag: `"${ROTATED}"`,
            'x-request-id': ROTATED,
            'retry-after': ROTATED,
          })
          .end(`${headerOf(request, 'authorization')} and ${Buffer.from(ROTATED).toString('base64')}`)
      await call('http_request', { connection: 'api', method: 'GET', path: '/leak' })
    }
    answer = (_, __, raw) => {
      raw.socket.write(`HTTP/1.1 200 ${ROTATED}\r\nbad header ${ROTATED}\r\n\r\n`)
      raw.socket.destroy()
    }
    await call('http_request', { connection: 'api', method: 'GET', path: '/leak' })
    await call('http_request', guess)
    await call('explain_call', { tool: 'http_request', arguments: guess })
    await call('http_request', {
      connection: 'api',
      method: 'POST',
      path: '/deploy/web',
      body: { a: ROTATED },
      reason: ROTATED,
    })
    await call('http_request', { connection: 'api', method: 'GET', path: `/x/%zz${ROTATED}` })
    await call('http_request', {
      connection: 'api',
      method: 'GET',
      path: '/x',
      headers: { 'x-a': ROTATED, [ROTATED]: 'x' },
    })
    seen.push(await gate.reviewer().list('all'), await gate.call('list_connections', {}, caller))
    for (const file of await readdir(gate.auditDir)) seen.push(await readFile(join(gate.auditDir, file), 'latin1'))
    seen.push(gate.logLines)
    const text = JSON.stringify(seen)
    expect(text).toContain('server-credential')
    expect(text).not.toContain(ROTATED)
    expect(text).not.toContain(CANARY)
    expect(text).not.toContain(Buffer.from(ROTATED).toString('base64').slice(0, 30))
  })
})

/** Who meets a server-held credential three times is suspended. */
async function otherCaller() {
  const oid = `6f1c1b3e-0000-4000-8000-2${randomBytes(6).toString('hex').slice(1)}`.padEnd(36, '0')
  return { token: await gate.mint('app-only', { claims: { oid, sub: oid }, lifetime: 3_600 }) }
}

describe('a long key above many members', () => {
  const members = Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [at.toString(36), { ssn: 1 }]))

  test('in a body is refused before anything is judged', async () => {
    const before = target.arrived.length
    const body = { ['k'.repeat(10_000)]: Object.fromEntries(Object.keys(members).map((key) => [key, 1])) }
    const refused = await http({ method: 'POST', path: '/notes/1', body })
    expect(refused).toMatchObject({ status: 'failed', code: 'ERR_HTTP_REQUEST' })
    expect(target.arrived).toHaveLength(before)
  })

  test('in an answer is not repeated for each of them: the body is withheld', async () => {
    answer = (_, response) => sendJson(response, { ['k'.repeat(1_000)]: members })
    const withheld = await http({ path: '/users' })
    expect(withheld).toMatchObject({
      status: 'ok',
      masked: [{ where: 'body', why: 'too much in it is to be hidden', count: 1 }],
    })
    expect(withheld.result).not.toHaveProperty('body')
  })
})
