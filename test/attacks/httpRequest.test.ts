import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ReviewView } from '../../src/approvals/review.ts'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { type Arrived, startTarget, type TargetServer } from '../tools/http_request/targetServer.ts'
import { type Caller, mintCallers, readStartedCalls } from './callCorpus.ts'
import { answerCarelessly, HIDDEN_EMAIL, talkedInto } from './careless.ts'
import { describe as describeOutcome, forEachOf, type Outcome, outcomeOf } from './corpus.ts'

const CANARY = 'kx9+server-held/canary=4711-0815'

const POLICY = `
policy: db-maintenance-agents
connections: [api, logs]
rules:
  - match: { operation: [GET, HEAD, OPTIONS], path: ["/builds/**", "/users/**", "/echo/*", "/redirect/*", /huge, /bomb, /broken-gzip, /drip, /gone, /unauthorized, /missing, /text] }
    action: allow
  - match: { operation: GET, path: /search, query: { q: "*", "page?": "*" } }
    action: allow
  - match: { path: "/search", query: { q: "secret:*" } }
    action: deny
  - match: { operation: "POST", path: "/deploy/*", query: {}, bodyMatches: { /environment: staging } }
    action: allow
  - match: { operation: "POST", path: "/deploy/*", query: {}, bodyMatches: { /environment: prod } }
    action: require-approval
  - match: { operation: "POST", path: "/deploy/*/rollback" }
    action: require-approval
  - match: { operation: "PUT", path: "/deploy/*" }
    action: require-approval
  - match: { operation: PUT, bodyMatches: { /force: true } }
    action: deny
  - match: { operation: "POST|PUT|PATCH|DELETE", path: "/comments/**" }
    action: allow
  - match: { path: "/admin/**" }
    action: deny
record: true
`

interface Input {
  readonly id: string
  readonly args: Readonly<Record<string, unknown>>
  readonly want: Outcome
  readonly code: string | undefined
  readonly arrives: string | undefined
}

interface WrittenGroup {
  readonly group: string
  readonly want: Outcome
  readonly code?: string
  readonly inputs: readonly ({ want?: Outcome; code?: string; arrives?: string } & Readonly<Record<string, unknown>>)[]
}

function readInputs(name: 'hostile' | 'ordinary'): readonly Input[] {
  const groups = parse(
    readFileSync(new URL(`./http_request.${name}.yaml`, import.meta.url), 'utf8'),
  ) as readonly WrittenGroup[]
  return groups.flatMap((group) =>
    group.inputs.map(({ want, code, arrives, ...args }, index) => ({
      id: `${group.group}-${index + 1}`,
      args: { connection: 'api', method: 'GET', ...(repeated(args) as object) },
      want: want ?? group.want,
      code: code ?? (want === undefined ? group.code : undefined),
      arrives,
    })),
  )
}

/** `{ x: a, times: 9000 }` stands for a long text. */
function repeated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repeated)
  if (typeof value !== 'object' || value === null) return value
  if ('x' in value && 'times' in value) return String(value.x).repeat(Number(value.times))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, repeated(inner)]))
}

const lineOf = ({ method, target }: Arrived) => `${method} ${target}`

describe.each([
  ['hostile', readInputs('hostile')],
  ['ordinary', readInputs('ordinary')],
] as const)('%s calls of http_request', (name, inputs) => {
  let target: TargetServer
  let gate: RealGate
  let callers: Caller[] = []
  const answers = new Map<string, ToolAnswer>()
  const views = new Map<string, ReviewView>()
  // Who meets a server-held credential three times is suspended, so nobody calls more than twice.
  const callerOf = (input: Input) => callers[Math.floor(inputs.indexOf(input) / 2)]
  const wrong = ({ id, args }: Input, what: string) => `${id}: ${what}: ${JSON.stringify(args).slice(0, 160)}`

  beforeAll(async () => {
    process.env.CORPUS_HTTP_AUTH = `Bearer ${CANARY}`
    target = await startTarget(answerCarelessly)
    gate = await startRealGate({
      policies: [POLICY],
      connections: {
        api: {
          type: 'http',
          baseUrl: `${target.url}/api/`,
          headers: { Authorization: { env: 'CORPUS_HTTP_AUTH' }, 'X-Team': 'infra' },
          mask: ['/users/*/email', '/contact/email'],
          limits: { timeout: '2s', maxBytes: '32KiB' },
        },
        // Without masking rules, so that texts are shown.
        logs: {
          type: 'http',
          baseUrl: `${target.url}/api/`,
          headers: { Authorization: { env: 'CORPUS_HTTP_AUTH' } },
          limits: { timeout: '2s', maxBytes: '32KiB' },
        },
      },
    })
    callers = await mintCallers(gate, inputs.length * 5)
    await forEachOf(inputs, async (input) => {
      answers.set(input.id, await gate.call('http_request', input.args, callerOf(input)))
    })
    for (const { id } of inputs) {
      const approvalId = answers.get(id)?.approval_id
      if (approvalId !== undefined) views.set(id, await gate.reviewer().show(approvalId))
    }
  }, 120_000)
  afterAll(async () => {
    await gate?.stop()
    await target?.close()
    delete process.env.CORPUS_HTTP_AUTH
  })

  test('every verdict is the right one', async () => {
    const started = await readStartedCalls(gate)
    const problems = inputs.flatMap((input) => {
      const answer = answers.get(input.id)
      if (answer === undefined) return [wrong(input, 'no answer')]
      const outcome = outcomeOf(answer, started.has(answer.call_id))
      if (describeOutcome(outcome) !== describeOutcome(input.want)) {
        return [
          wrong(
            input,
            `${describeOutcome(outcome)} (${answer.code ?? ''} ${answer.message}), not ${describeOutcome(input.want)}`,
          ),
        ]
      }
      return input.code === undefined || answer.code === input.code
        ? []
        : [wrong(input, `${answer.code}, not ${input.code}`)]
    })
    console.log(`http_request, ${name}: ${inputs.length - problems.length} of ${inputs.length} right`)
    expect(problems).toEqual([])
    expect(inputs.length).toBeGreaterThanOrEqual(name === 'hostile' ? 80 : 60)
  })

  test('what arrived is what was judged, and nothing else arrived', async () => {
    const wanted = inputs.flatMap(({ want, arrives }) => (want === 'clear' ? [arrives ?? '?'] : []))
    const failedOnes = inputs.flatMap(({ want, args }) =>
      want === 'failed' ? [`${args.method} /api${args.path}`] : [],
    )
    // The gateway asks for the head of the base URL itself, to know that the target is there.
    const arrived = target.arrived.map(lineOf).filter((line) => line !== 'HEAD /api/')
    expect(arrived.sort()).toEqual([...wanted, ...failedOnes].sort())
  })

  test('the server was talked into nothing, and every request carried the credential once', () => {
    expect(target.arrived.flatMap((request) => talkedInto(request) ?? [])).toEqual([])
    const credentials = target.arrived.map(
      ({ rawHeaders }) => rawHeaders.filter((value) => value === `Bearer ${CANARY}`).length,
    )
    expect(new Set(credentials)).toEqual(new Set([1]))
  })

  test('what is approved arrives as reviewers saw it', async () => {
    const pending = inputs.filter(({ want }) => want === 'pending')
    const before = target.arrived.length
    for (const input of pending) {
      const id = answers.get(input.id)?.approval_id ?? ''
      const fields = views.get(input.id)?.what.fields ?? []
      const shown = Object.fromEntries(fields.map(({ name: field, text }) => [field, text]))
      await gate.reviewer().approve(id)
      const answer = await gate.call('await_approval', { approval_id: id }, callerOf(input))
      answers.set(`${input.id} approved`, answer)
      expect(answer.status, wrong(input, answer.message)).toBe('ok')
      const request = target.arrived.at(-1)
      if (request === undefined) throw new Error('nothing arrived')
      expect(`${request.method} ${target.url}${request.target}`).toBe(shown.request)
      if (shown.body !== undefined) expect(sameText(request.body)).toBe(sameText(shown.body))
      expect(shown.headers).toContain('authorization: (held by the gateway)')
      if (input.arrives !== undefined) expect(lineOf(request)).toBe(input.arrives)
    }
    expect(target.arrived.length - before).toBe(pending.length)
    expect(pending.length).toBeGreaterThan(0)
  })

  test('neither the credential nor a hidden member is in any answer, in what reviewers see, in the trail or in the log', async () => {
    const secrets = [
      CANARY,
      Buffer.from(CANARY).toString('base64').slice(2, -4),
      Buffer.from(CANARY).toString('hex'),
      HIDDEN_EMAIL,
      // Of both of them, what no encoder changes.
      'canary',
    ]
    const leaks: string[] = []
    const look = (where: string, text: string) => {
      for (const secret of secrets) if (text.includes(secret)) leaks.push(`${where}: ${secret}`)
    }
    for (const [id, answer] of answers) look(`answer to ${id}`, JSON.stringify(answer))
    for (const [id, view] of views) look(`view of ${id}`, JSON.stringify(view))
    for (const line of gate.logLines) look('log', line)
    for (const file of await readdir(gate.auditDir)) look(file, await readFile(join(gate.auditDir, file), 'latin1'))
    expect(leaks).toEqual([])
  })
})

/** Laid out for people, JSON is the same value. */
function sameText(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text
  }
}
