import { type IncomingHttpHeaders, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer, MaskedOutput, MaskedText } from '../../src/call.ts'
import { echoFront } from '../fixtures/echoFront.ts'
import { startWire } from '../fixtures/wire.ts'

/**
 * Plain calls are answered without the SDK. Every shape of request goes through both here: a wire that may answer plain
 * calls itself, and one where the SDK answers everything. Nobody may be able to tell them apart.
 */
interface Shape {
  readonly title: string
  readonly body: unknown
  readonly headers?: Record<string, string | string[] | undefined>
  /** The SDK is not asked. */
  readonly isPlain: boolean
}

const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'run_sql', arguments: { sql: 'select 1' } },
}
const params = (more: object) => ({ ...CALL, params: { ...CALL.params, ...more } })
const meta = (more: object) => params({ _meta: more })

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const CLIENT = 'io.modelcontextprotocol/clientInfo'
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'
const ENVELOPE = { [VERSION]: '2026-07-28', [CLIENT]: { name: 'agent', version: '3' }, [CAPABILITIES]: {} }
const MODERN_HEADERS = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'run_sql' }
const modern = (more: object = {}, headers: Shape['headers'] = {}) => ({
  body: meta({ ...ENVELOPE, ...more }),
  headers: { ...MODERN_HEADERS, ...headers },
})
const { _, ...withoutVersion } = { ...ENVELOPE, _: undefined, [VERSION]: undefined }
const claimOf = (version: string) => modern({ [VERSION]: version }, { 'mcp-protocol-version': version })

const SHAPES: readonly Shape[] = [
  { title: 'a call of 2025 without a version', body: CALL, isPlain: true },
  ...['2025-03-26', '2025-06-18', '2025-11-25'].map((version) => ({
    title: `a call of ${version}`,
    body: CALL,
    headers: { 'mcp-protocol-version': version },
    isPlain: true,
  })),
  ...['2024-11-05', '2024-10-07', '2025-01-01', '2027-01-01', '2026-07-28', '', 'x'].map((version) => ({
    title: `a call without an envelope and the version header ${JSON.stringify(version)}`,
    body: CALL,
    headers: { 'mcp-protocol-version': version },
    isPlain: false,
  })),
  {
    title: 'two version headers',
    body: CALL,
    headers: { 'mcp-protocol-version': ['2025-06-18', '2025-11-25'] },
    isPlain: false,
  },
  { title: 'a charset', body: CALL, headers: { 'content-type': 'application/json; charset=utf-8' }, isPlain: true },
  ...['application/json;charset=UTF-8', 'text/plain', 'application/jsonx', 'APPLICATION/JSON'].map((type) => ({
    title: `the content type ${type}`,
    body: CALL,
    headers: { 'content-type': type },
    isPlain: false,
  })),
  { title: 'no content type', body: CALL, headers: { 'content-type': undefined }, isPlain: false },
  {
    title: 'accept with qualities',
    body: CALL,
    headers: { accept: 'text/event-stream;q=0.9, application/json' },
    isPlain: true,
  },
  ...['application/json', 'text/event-stream', '*/*', 'Application/Json, Text/Event-Stream', undefined].map(
    (accept) => ({
      title: `accept ${accept}`,
      body: CALL,
      headers: { accept },
      isPlain: false,
    }),
  ),
  { title: 'headers of 2026 in a call of 2025', body: CALL, headers: { 'mcp-method': 'tools/call' }, isPlain: false },
  {
    title: 'a wrong method header in a call of 2025',
    body: CALL,
    headers: { 'mcp-method': 'tools/list' },
    isPlain: false,
  },
  { title: 'a session header', body: CALL, headers: { 'mcp-session-id': 'abc' }, isPlain: true },

  ...['abc', '', 0, -7, 9007199254740991].map((id) => ({
    title: `the id ${JSON.stringify(id)}`,
    body: { ...CALL, id },
    isPlain: true,
  })),
  ...[1.5, 1e300, 2 ** 53, null, true, [], {}].map((id) => ({
    title: `the id ${JSON.stringify(id)}`,
    body: { ...CALL, id },
    isPlain: false,
  })),
  {
    title: 'no id: a notification',
    body: { jsonrpc: '2.0', method: 'tools/call', params: CALL.params },
    isPlain: false,
  },
  ...['1.0', 2, undefined].map((jsonrpc) => ({
    title: `jsonrpc ${jsonrpc}`,
    body: { ...CALL, jsonrpc },
    isPlain: false,
  })),
  { title: 'a member too many', body: { ...CALL, extra: 1 }, isPlain: false },
  { title: 'a result beside the method', body: { ...CALL, result: {} }, isPlain: false },
  { title: 'a parameter too many', body: params({ task: { ttl: 1 } }), isPlain: false },
  { title: 'retry parameters', body: params({ requestState: 'x', inputResponses: {} }), isPlain: false },
  { title: 'an unheard-of parameter', body: params({ extra: 1 }), isPlain: false },
  { title: 'no params', body: { jsonrpc: '2.0', id: 1, method: 'tools/call' }, isPlain: false },
  ...[null, [], 'x'].map((value) => ({
    title: `params ${JSON.stringify(value)}`,
    body: { ...CALL, params: value },
    isPlain: false,
  })),
  { title: 'no arguments', body: { ...CALL, params: { name: 'run_sql' } }, isPlain: true },
  {
    title: 'arguments of all kinds',
    body: params({ arguments: { a: [1, null, { b: 'ü\u2028"\\' }], '1': 2, '': false } }),
    isPlain: true,
  },
  ...[null, [], 'x', 1].map((value) => ({
    title: `arguments ${JSON.stringify(value)}`,
    body: params({ arguments: value }),
    isPlain: false,
  })),
  ...[1, null, {}, undefined].map((name) => ({
    title: `the name ${JSON.stringify(name)}`,
    body: params({ name }),
    isPlain: false,
  })),
  { title: 'an empty name', body: params({ name: '' }), isPlain: true },
  { title: 'an unknown tool with an odd name', body: params({ name: 'no such tool \u0000 ü' }), isPlain: true },
  ...['arguments', 'params', 'meta', 'message', 'nested'].map((place) => ({
    title: `__proto__ in ${place}`,
    body: withProto(place),
    isPlain: place === 'nested',
  })),

  {
    title: "_meta of one's own",
    body: meta({ traceparent: '00-1', 'claudecode/sessionId': 's', threadId: 't', x: { y: 1 } }),
    isPlain: true,
  },
  { title: 'an empty _meta', body: meta({}), isPlain: true },
  ...[null, [], 'x'].map((value) => ({
    title: `_meta ${JSON.stringify(value)}`,
    body: params({ _meta: value }),
    isPlain: false,
  })),
  ...['tok', 0, 7].map((progressToken) => ({
    title: `the progress token ${progressToken}`,
    body: meta({ progressToken }),
    isPlain: true,
  })),
  ...[1.5, null, {}, true].map((progressToken) => ({
    title: `the progress token ${JSON.stringify(progressToken)}`,
    body: meta({ progressToken }),
    isPlain: false,
  })),
  { title: 'a related task', body: meta({ 'io.modelcontextprotocol/related-task': { taskId: 'x' } }), isPlain: false },
  { title: 'a client info without an envelope', body: meta({ [CLIENT]: { name: 'x', version: '1' } }), isPlain: false },
  {
    title: 'a log level without an envelope',
    body: meta({ 'io.modelcontextprotocol/logLevel': 'info' }),
    isPlain: false,
  },

  { title: 'a call of 2026-07-28', ...modern(), isPlain: true },
  { title: '2026-07-28 with a progress token', ...modern({ progressToken: 'p', traceparent: '00-2' }), isPlain: true },
  { title: '2026-07-28 without a client', ...modern({ [CLIENT]: undefined }), isPlain: true },
  {
    title: '2026-07-28 with real capabilities',
    ...modern({
      [CAPABILITIES]: {
        roots: {},
        elicitation: { form: {}, url: {} },
        extensions: { 'io.modelcontextprotocol/tasks': {} },
      },
    }),
    isPlain: true,
  },
  { title: '2026-07-28 that accepts JSON alone', ...modern({}, { accept: 'application/json' }), isPlain: true },
  { title: '2026-07-28 that accepts nothing named', ...modern({}, { accept: undefined }), isPlain: true },
  { title: '2026-07-28 with a log level', ...modern({ 'io.modelcontextprotocol/logLevel': 'debug' }), isPlain: false },
  ...[{}, { name: 1, version: '1' }, { name: 'x' }, null, 'x'].map((info) => ({
    title: `2026-07-28 with the client ${JSON.stringify(info)}`,
    ...modern({ [CLIENT]: info }),
    isPlain: false,
  })),
  ...[undefined, null, [], 'x'].map((capabilities) => ({
    title: `2026-07-28 with the capabilities ${JSON.stringify(capabilities)}`,
    ...modern({ [CAPABILITIES]: capabilities }),
    isPlain: false,
  })),
  ...Object.keys(MODERN_HEADERS).flatMap((name) => [
    { title: `2026-07-28 without ${name}`, ...modern({}, { [name]: undefined }), isPlain: false },
    { title: `2026-07-28 with another ${name}`, ...modern({}, { [name]: 'other' }), isPlain: false },
    {
      title: `2026-07-28 with ${name} twice`,
      ...modern({}, { [name]: [MODERN_HEADERS[name as 'mcp-name'], 'other'] }),
      isPlain: false,
    },
  ]),
  {
    title: '2026-07-28 with a name in Base64',
    ...modern({}, { 'mcp-name': '=?base64?cnVuX3NxbA==?=' }),
    isPlain: false,
  },
  {
    title: 'an envelope with the header of 2025',
    ...modern({}, { 'mcp-protocol-version': '2025-11-25' }),
    isPlain: false,
  },
  { title: 'a header of 2026 without the claim', body: meta(withoutVersion), headers: MODERN_HEADERS, isPlain: false },
  ...['2027-01-01', '2025-11-25', ''].map((version) => ({
    title: `the claim of ${version}`,
    ...claimOf(version),
    isPlain: false,
  })),
  { title: 'a version that is no text', ...modern({ [VERSION]: 1 }), isPlain: false },

  ...['tools/list', 'ping', 'initialize', 'server/discover', 'no/such', 'TOOLS/CALL', 'resources/list'].flatMap(
    (method) => [
      { title: `${method} of 2025`, body: { ...CALL, method, params: {} }, isPlain: false },
      {
        title: `${method} of 2026`,
        body: { ...CALL, method, params: { _meta: ENVELOPE } },
        headers: { ...MODERN_HEADERS, 'mcp-method': method, 'mcp-name': undefined },
        isPlain: false,
      },
    ],
  ),
  {
    title: 'initialize',
    body: {
      ...CALL,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    },
    isPlain: false,
  },
  {
    title: 'a cancellation',
    body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    isPlain: false,
  },
  { title: 'a notification', body: { jsonrpc: '2.0', method: 'notifications/initialized' }, isPlain: false },
  { title: 'a response', body: { jsonrpc: '2.0', id: 1, result: {} }, isPlain: false },
  { title: 'a batch', body: [CALL], isPlain: false },
  ...[null, 1, 'x', {}].map((body) => ({ title: `the body ${JSON.stringify(body)}`, body, isPlain: false })),
]

/** JSON.stringify never writes this name; JSON.parse makes it a member like any other. */
function withProto(place: string): string {
  const text = JSON.stringify(
    place === 'nested' ? params({ arguments: { sql: { here: 1 } } }) : place === 'meta' ? meta({ here: 1 }) : CALL,
  )
  const at =
    { arguments: '"sql"', params: '"name"', meta: '"here"', message: '"jsonrpc"', nested: '"here"' }[place] ?? ''
  return text.replace(at, `"__proto__":{"polluted":1},${at}`)
}

const answers: Readonly<Record<string, Partial<Answer>>> = {
  ok: {},
  denied: {
    status: 'denied',
    code: 'ERR_POLICY_DENIED',
    message: 'No.' as MaskedText,
    details: { operations: [] },
    output: undefined,
  },
  pending: { status: 'pending_approval', approvalId: 'apr_1', details: { retry_after_seconds: 10 }, output: undefined },
  odd: {
    output: {
      result: { text: 'a\n\n\u2028 "quoted" \\ ü \ud800', list: [1.5, null] },
      masked: [],
    } as unknown as MaskedOutput,
  },
}

let wires: Record<'direct' | 'sdk', Awaited<ReturnType<typeof openWire>>>
beforeAll(async () => {
  wires = { direct: await openWire(true), sdk: await openWire(false) }
})
afterAll(async () => {
  await wires.direct.close()
  await wires.sdk.close()
})

let answerNow: Partial<Answer> = {}
async function openWire(plainCalls: boolean) {
  const seen = echoFront(async ({ args }, waiter) => {
    if ((args as { progress?: true } | null)?.progress) {
      await waiter.progress('Waiting for approval')
      await waiter.progress('Still waiting')
    }
    return answerNow
  })
  const wire = await startWire(seen.front, {}, [], { plainCalls })
  return { ...wire, ...seen }
}

describe('a call that is answered without the SDK cannot be told from one that is not', () => {
  test.each(SHAPES)('$title', async ({ body, headers = {}, isPlain }) => {
    answerNow = {}
    const [direct, sdk] = [await exchange('direct', body, headers), await exchange('sdk', body, headers)]
    expect(direct.seen).toEqual(sdk.seen)
    expect(direct.hasLength).toBe(isPlain || sdk.hasLength)
  })

  test.each(Object.entries(answers))('an answer that is %s', async (_title, answer) => {
    answerNow = answer
    for (const { body, headers } of [{ body: CALL, headers: {} }, modern()]) {
      const [direct, sdk] = [await exchange('direct', body, headers), await exchange('sdk', body, headers)]
      expect(direct.seen).toEqual(sdk.seen)
      expect(direct.hasLength).toBe(true)
    }
  })

  test.each(['tok', 0, undefined])('progress of a call with the token %s', async (progressToken) => {
    answerNow = {}
    const told = { arguments: { progress: true }, _meta: progressToken === undefined ? {} : { progressToken } }
    const calls = [
      { body: params(told), headers: {} },
      { body: params({ ...told, _meta: { ...told._meta, ...ENVELOPE } }), headers: MODERN_HEADERS },
    ]
    for (const { body, headers } of calls) {
      const [direct, sdk] = [await exchange('direct', body, headers), await exchange('sdk', body, headers)]
      expect(direct.seen).toEqual(sdk.seen)
      expect(direct.seen.text.includes('Still waiting')).toBe(progressToken !== undefined)
    }
  })
})

test('a client of 2025 has the headers of its stream while its call still waits', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { front } = echoFront(async () => {
    await released
    return {}
  })
  const wire = await startWire(front)
  try {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: 'Bearer good',
    }
    const response = await fetch(wire.url, { method: 'POST', headers, body: JSON.stringify(CALL) })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    release()
    expect(await response.text()).toMatch(/^event: message\ndata: \{"result":.*"id":1\}\n\n$/)
  } finally {
    release()
    await wire.close()
  }
})

/** One request on one of the wires: everything that the client and the trail could tell the two apart by. */
async function exchange(which: 'direct' | 'sdk', body: unknown, headers: Shape['headers']) {
  const { port, calls, refusals } = wires[which]
  calls.length = 0
  refusals.length = 0
  const answer = await send(
    port,
    typeof body === 'string' && body.startsWith('{') ? body : JSON.stringify(body),
    headers,
  )
  // The length of an answer and the time are not part of it.
  const { date, 'content-length': length, 'transfer-encoding': encoding, ...told } = answer.headers
  const text = answer.text.replaceAll(/call_[0-9a-zA-Z]+/g, 'call_X')
  const reached = calls.map(({ id: _id, receivedAt: _at, ...call }) => call)
  // A refusal is written down behind the answer.
  const isCall = typeof body === 'object' && (body as { method?: unknown } | null)?.method === 'tools/call'
  if (isCall) await expect.poll(() => calls.length + refusals.length).toBeGreaterThan(0)
  return {
    seen: {
      status: answer.status,
      headers: told,
      text,
      reached,
      refusals: refusals.map((one) => ({ ...one, caller: one.caller?.key })),
    },
    hasLength: length !== undefined && answer.status === 200,
    encoding,
    date,
  }
}

function send(port: number, body: string, more: Shape['headers']) {
  const headers: Record<string, string | string[]> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: 'Bearer good',
    'user-agent': 'tester',
  }
  for (const [name, value] of Object.entries(more ?? {})) {
    if (value === undefined) delete headers[name]
    else headers[name] = value
  }
  return new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
