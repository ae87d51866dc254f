import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendJson, startTarget, type TargetServer } from '../tools/http_request/targetServer.ts'
import { type RecordingServer, startRecordingServer } from '../tools/ssh_exec/recordingServer.ts'
import { eventually, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, deliverSigned, HAS_READ, reasonGiven, submissionOf } from './standIn.ts'

/** Characters that every encoding writes differently. */
const HTTP_CANARY = 'kx9-Canary/of+the=deploy:api~4711'
const SSH_CANARY = 'pw8-Canary/of+the=ssh:login~0815'
/** No secret: every path must show it, or the search would prove nothing. */
const VISIBLE = 'Visible-Marker-Q7'

const policyOf = (connection: string, match: string) => `
policy: gated-${connection}
subjects: { roles: [db-maintenance-agents] }
connection: ${connection}
rules:
  - match: ${match}
    action: require-approval
record: true
`

let made: SlackGate
let target: TargetServer
let host: RecordingServer
const logged = () => made.gate.logLines.join('')
beforeAll(async () => {
  // The worst target: it answers with what it was sent.
  target = await startTarget((request, response) => sendJson(response, { echo: request.rawHeaders }))
  host = await startRecordingServer()
  process.env.SLACK_CANARY_HTTP = `Bearer ${HTTP_CANARY}`
  process.env.SLACK_CANARY_SSH = SSH_CANARY
  made = await startSlackGate({
    mode: 'http',
    policies: [policyOf('api', '{ operation: POST, path: "/deploy/**" }'), policyOf('web-1', 'run')],
    connections: {
      api: { type: 'http', baseUrl: `${target.url}/v1/`, headers: { Authorization: { env: 'SLACK_CANARY_HTTP' } } },
      'web-1': {
        ...{ type: 'ssh', host: '127.0.0.1', port: host.port, user: 'gate', hostKey: host.fingerprint },
        password: { env: 'SLACK_CANARY_SSH' },
      },
    },
  })
}, 60_000)
afterAll(async () => {
  await made?.stop()
  await host?.close()
  await target?.close()
})

/** How an agent that has the credential from elsewhere may write it. */
const written = (value: string): Readonly<Record<string, string>> => ({
  plain: value,
  base64: Buffer.from(value).toString('base64'),
  'base64 of more': Buffer.from(`x:${value}`).toString('base64'),
  base64url: Buffer.from(`xy${value}`).toString('base64url'),
  hex: Buffer.from(value).toString('hex'),
  'URL-encoded': encodeURIComponent(value),
  'URL-encoded throughout': [...Buffer.from(value)].map((byte) => `%${byte.toString(16)}`).join(''),
})

type Call = readonly [tool: string, args: Readonly<Record<string, unknown>>]

const httpCalls = (text: string): Call[] => {
  const post = { connection: 'api', method: 'POST', path: `/deploy/${VISIBLE}` }
  return [
    ['http_request', { ...post, body: { note: VISIBLE, token: text }, reason: `${VISIBLE} because of ${text}` }],
    ['http_request', { ...post, query: { q: text }, headers: { 'if-match': text } }],
    ['http_request', { ...post, body: `${VISIBLE} ${text} and more` }],
  ]
}
const sshCalls = (text: string): Call[] => [
  ['ssh_exec', { connection: 'web-1', argv: ['deploy', VISIBLE, text], reason: `${VISIBLE} because of ${text}` }],
  ['ssh_exec', { connection: 'web-1', command: `deploy ${VISIBLE} --token='${text}' | upload 'x${text}y'` }],
  ['ssh_exec', { connection: 'web-1', argv: ['deploy', VISIBLE], stdin: `${VISIBLE}\n${text}\n` }],
]

let serial = 0
/** A caller of its own for each call: one in whose calls credentials turn up is soon suspended. */
async function request([tool, args]: Call) {
  serial += 1
  const azp = `6f1c1b3e-0000-4000-8000-0000000d${String(serial).padStart(4, '0')}`
  const token = await made.gate.mint('app-only', { claims: { azp, roles: ['Agent.Access', 'db-maintenance-agents'] } })
  const answer = await made.gate.call(tool, args, { token })
  if (answer.approval_id === undefined) throw new Error(`no approval was asked for: ${JSON.stringify(answer)}`)
  return { id: answer.approval_id, token }
}
const send = async (payload: unknown) => expect(await deliverSigned(made.gate.url, payload)).toBe(200)
async function openForm(id: string, button: string, form: string) {
  await send(clickOn(await made.messageOf(id), button, { user: 'U0ANN' }))
  return await eventually(() =>
    [...made.slack.modals.values()].find((one) => one.callback_id === form && one.private_metadata.includes(id)),
  )
}

/** Where a credential can be read in any of its spellings, among everything that Slack was sent and the log. */
function leaks(): string[] {
  const places = [
    ...made.slack.calls.map(({ method, args }): [string, string] => [method, JSON.stringify(args)]),
    ['log', logged()] as const,
  ]
  return [HTTP_CANARY, SSH_CANARY].flatMap((value) => {
    const core = Buffer.from(value).toString('base64').slice(0, 40)
    const forms = [...Object.values(written(value)), core, Buffer.from(`x${value}`).toString('base64').slice(2, 40)]
    return forms.flatMap((form) =>
      places.filter(([, text]) => text.includes(form)).map(([place]) => `${form} in ${place}`),
    )
  })
}

test('credentials of other tools that agents write into their requests are nowhere in Slack, nor in the log', async () => {
  const calls = [
    ...Object.values(written(HTTP_CANARY)).flatMap(httpCalls),
    ...Object.values(written(SSH_CANARY)).flatMap(sshCalls),
    // A credential does not belong to its own connection only.
    ...httpCalls(SSH_CANARY),
    ...sshCalls(HTTP_CANARY),
  ]
  const requests: Awaited<ReturnType<typeof request>>[] = []
  for (const call of calls) {
    const asked = await request(call)
    const { id } = asked
    requests.push(asked)
    const full = await openForm(id, 'countersign_review', 'countersign_review_form')
    expect(JSON.stringify(full)).toContain(VISIBLE)
    // Not everything can be changed in Slack; then the window says so.
    const windows = made.slack.calls.filter(({ method }) => method === 'views.update').length
    await send(clickOn(await made.messageOf(id), 'countersign_modify', { user: 'U0ANN' }))
    await eventually(() => made.slack.calls.filter(({ method }) => method === 'views.update').length > windows)
  }
  for (const { id } of requests) {
    const message = await made.messageOf(id)
    expect(JSON.stringify(message.blocks)).toContain(VISIBLE)
    expect(JSON.stringify(message.blocks)).toContain('[masked:')
  }
  // The gateway looks at its hosts by itself; nothing of what was asked for has arrived.
  expect(target.arrived.filter(({ method }) => method === 'POST')).toEqual([])
  expect(host.commands.filter((command) => command.includes(VISIBLE))).toEqual([])

  // What people write, and what the targets answer.
  const [denied, posted, ran] = [requests[0], requests[1], requests[Object.keys(written('')).length * 3]]
  if (denied === undefined || posted === undefined || ran === undefined) throw new Error('too few requests')
  const refusal = await openForm(denied.id, 'countersign_deny', 'countersign_deny_form')
  await send(submissionOf(refusal, reasonGiven(`${VISIBLE}: no ${HTTP_CANARY}`), { user: 'U0ANN' }))
  for (const { id, token } of [posted, ran]) {
    const form = [...made.slack.modals.values()].find(
      (one) => one.callback_id === 'countersign_review_form' && one.private_metadata.includes(id),
    )
    await send(submissionOf(form, HAS_READ, { user: 'U0ANN' }))
    const result = await eventually(async () => {
      const answer = await made.gate.call('await_approval', { approval_id: id }, { token })
      return answer.status !== 'pending_approval' && answer
    })
    expect(result).toMatchObject({ status: 'ok' })
  }
  for (const { id } of [denied, posted, ran]) {
    const message = await made.messageOf(id)
    const thread = await eventually(() => {
      const texts = made.slack.threadOf(message)
      return texts.length > 0 && texts.join()
    })
    if (id === denied.id) expect(thread).toContain(VISIBLE)
  }
  expect(JSON.stringify(target.arrived)).toContain(HTTP_CANARY)
  expect(host.offered).toContain(`password ${SSH_CANARY}`)
  expect(made.slack.lint).toEqual([])
  expect(leaks()).toEqual([])
  console.log(
    `${requests.length} requests, ${made.slack.calls.length} calls of Slack, ${logged().length} characters of log`,
  )
}, 60_000)
