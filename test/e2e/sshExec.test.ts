import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { type SshServer, startSshServer } from './sshServer.ts'

interface SshResult {
  readonly stdout?: string
  readonly stderr?: string
  readonly exit_code?: number | null
  readonly timed_out?: boolean
  readonly truncated?: boolean
}
const resultOf = ({ result }: ToolAnswer) => result as SshResult | undefined

const PASSPHRASE = 'canary-passphrase-4711-abcd'

const POLICY = (pack: string) =>
  pack
    .replace('policy: ssh-read-only', 'policy: ssh-test')
    .replace('groups: [ssh-agents]', 'roles: [db-maintenance-agents]')
    .replace('{path:/var/log/**}', '{path}')
    .concat(`
  - name: changes
    match:
      operation: run
      command: [["touch", "{path}"], ["sleep", "{int}"], ["cat", "{path}"], ["sh", "-c", "{text}"]]
    action: require-approval
  - name: read-anything
    match: { operation: run, command: [["base64", { flags: ["-w {int}"] }, "{path}"], ["printf", "{text}..."]] }
    action: allow
  - name: complex
    match: complex
    action: require-approval
record: true
`)

let server: SshServer
let gate: RealGate
beforeAll(async () => {
  server = await startSshServer({ passphrase: PASSPHRASE })
  process.env.COUNTERSIGN_E2E_PASSPHRASE = PASSPHRASE
  const pack = await readFile(new URL('../../examples/policies/ssh-read-only.yaml', import.meta.url), 'utf8')
  const connection = {
    type: 'ssh',
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    privateKey: { file: server.lockedKeyFile },
    passphrase: { env: 'COUNTERSIGN_E2E_PASSPHRASE' },
    hostKey: server.fingerprint,
    limits: { timeout: '20s', maxBytes: '64KiB' },
  }
  gate = await startRealGate({
    connections: {
      'web-1': connection,
      'wrong-key': { ...connection, hostKey: `SHA256:${'A'.repeat(43)}` },
      'wrong-user': { ...connection, user: 'nobody-of-that-name' },
    },
    policies: [POLICY(pack).replace('connections: [web-1]', 'connections: [web-1, wrong-key, wrong-user]')],
  })
})
afterAll(async () => {
  await gate?.stop()
  await server?.stop()
})

const answers: ToolAnswer[] = []
async function ssh(args: Readonly<Record<string, unknown>>, as?: { token: string }): Promise<ToolAnswer> {
  const answer = await gate.call('ssh_exec', { connection: 'web-1', ...args }, as)
  answers.push(answer)
  return answer
}

async function approved(args: Readonly<Record<string, unknown>>): Promise<ToolAnswer> {
  const asked = await ssh(args)
  expect(asked.status).toBe('pending_approval')
  await gate.reviewer().approve(asked.approval_id ?? '')
  const answer = await gate.call('await_approval', { approval_id: asked.approval_id ?? '' })
  answers.push(answer)
  return answer
}

describe('ssh_exec from the outside, on a real OpenSSH server', () => {
  test('a read answers at once, with its streams', async () => {
    const answer = await ssh({ command: 'echo "hello there" | tr a-z A-Z ; uname -s' })
    expect(answer).toMatchObject({
      status: 'ok',
      result: { stdout: 'HELLO THERE\nLinux\n', stderr: '', exit_code: 0, truncated: false },
    })
  })

  test('a command that fails is an answer, not an error of the gate', async () => {
    const answer = await ssh({ argv: ['ls', '/no/such/folder'] })
    expect(answer.status).toBe('ok')
    expect(resultOf(answer)).toMatchObject({ exit_code: 2, stdout: '' })
    expect(resultOf(answer)?.stderr).toContain('/no/such/folder')
  })

  test('standard input', async () => {
    const answer = await ssh({ argv: ['wc', '-c'], stdin: 'four' })
    expect(resultOf(answer)?.stdout).toBe('4\n')
  })

  test('a change waits, is shown to a reviewer as it will run, and runs once', async () => {
    const file = join(server.dir, 'touched')
    const asked = await ssh({ command: `touch  "${file}"`, reason: 'test' })
    expect(asked.status).toBe('pending_approval')
    expect(existsSync(file)).toBe(false)
    const view = await gate.reviewer().show(asked.approval_id ?? '')
    expect(JSON.stringify(view)).toContain(`touch ${file}`)
    await gate.reviewer().approve(asked.approval_id ?? '')
    const answer = await gate.call('await_approval', { approval_id: asked.approval_id ?? '' })
    expect(answer).toMatchObject({ status: 'ok', result: { exit_code: 0 } })
    expect(existsSync(file)).toBe(true)
  })

  test('what was denied has not run', async () => {
    const file = join(server.dir, 'never')
    for (const args of [
      { command: `uptime; mkdir ${file}` },
      { argv: ['mkdir', file] },
      { command: `sudo -n mkdir ${file}` },
    ]) {
      expect(await ssh(args)).toMatchObject({ status: 'denied', code: 'ERR_POLICY_DENIED' })
    }
    expect(existsSync(file)).toBe(false)
  })

  test('a complex line needs a person, and then runs as it was written', async () => {
    const file = join(server.dir, "it's")
    const answer = await approved({ command: `for word in a b; do\n  echo "$word" >> "${file}"\ndone` })
    expect(answer).toMatchObject({ status: 'ok', result: { exit_code: 0 } })
    expect(await readFile(file, 'utf8')).toBe('a\nb\n')
  })

  test('escape sequences do not reach the agent', async () => {
    const file = join(server.dir, 'escapes')
    await writeFile(file, '\x1b]0;title\x07\x1b[31mred\x1b[0m\r\n')
    const answer = await approved({ argv: ['cat', file] })
    expect(resultOf(answer)?.stdout).toBe('red\n')
  })

  test('an output is cut to the cap of the connection, and says so', async () => {
    const file = join(server.dir, 'long')
    await writeFile(file, 'word '.repeat(100_000))
    const answer = await ssh({ argv: ['base64', file] })
    expect(resultOf(answer)?.truncated).toBe(true)
    expect((resultOf(answer)?.stdout ?? '').length).toBeLessThanOrEqual(64 * 1024)
  })

  test('current clients see the tool, and can ask what would become of a call', async () => {
    const client = await gate.connectClient()
    try {
      const { tools } = await client.listTools()
      const found = tools.find(({ name }) => name === 'ssh_exec')
      expect(Object.keys(found?.inputSchema.properties ?? {})).toEqual(
        expect.arrayContaining(['connection', 'argv', 'command', 'stdin', 'reason', 'idempotency_key']),
      )
      const args = { tool: 'ssh_exec', arguments: { connection: 'web-1', command: 'uptime; echo $(id)' } }
      const { structuredContent } = await client.callTool({ name: 'explain_call', arguments: args })
      expect(JSON.stringify(structuredContent)).toContain('complex')
    } finally {
      await client.close()
    }
  })

  test('a read ends at the host when its client leaves', async () => {
    const samples = `${4_000_000 + process.pid}`
    const isRunning = () => execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).includes(`vmstat 1 ${samples}`)
    const leaving = new AbortController()
    const params = { name: 'ssh_exec', arguments: { connection: 'web-1', argv: ['vmstat', '1', samples] } }
    const asked = fetch(gate.url, {
      method: 'POST',
      signal: leaving.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${await gate.mint()}`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    }).then((response) => response.text())
    const left = expect(asked).rejects.toThrow()
    while (!isRunning()) await pause(50)
    leaving.abort()
    await left
    while (isRunning()) await pause(50)
    const ended = async () =>
      (await gate.readTrail()).some((record) => JSON.stringify(record).includes('ERR_CANCELLED'))
    while (!(await ended())) await pause(50)
  })

  test('a host with another key, and a login that is refused', async () => {
    expect(await ssh({ connection: 'wrong-key', argv: ['uptime'] })).toMatchObject({
      status: 'failed',
      code: 'ERR_SSH_HOST_KEY',
    })
    expect(await ssh({ connection: 'wrong-user', argv: ['uptime'] })).toMatchObject({
      status: 'failed',
      code: 'ERR_TARGET_CREDENTIALS',
    })
  })

  test('no form of the credential is in any answer, in what reviewers see, in the trail or in the log', async () => {
    const key = await readFile(server.lockedKeyFile, 'utf8')
    const keyLines = key.split('\n').filter((line) => line.length >= 32 && !line.startsWith('-----'))
    // The agent makes the host print what the gate holds, in every form that it can think of.
    const attempts: Record<string, unknown>[] = [
      { argv: ['base64', '-w', '0', server.lockedKeyFile] },
      { argv: ['printf', '%s', PASSPHRASE] },
      { argv: ['echo', PASSPHRASE] },
      { argv: ['echo', Buffer.from(PASSPHRASE).toString('base64')] },
      { argv: ['grep', '-n', 'x', '/no/such/file', `/${PASSPHRASE}`] },
      { argv: ['ls', `/${PASSPHRASE}`] },
      { argv: ['cat'], stdin: PASSPHRASE },
      { argv: ['cat', server.lockedKeyFile] },
      { argv: ['sh', '-c', `cat ${server.lockedKeyFile} >&2; echo ${PASSPHRASE}`] },
      { command: `echo $(cat ${server.lockedKeyFile})`, reason: PASSPHRASE },
      { command: PASSPHRASE },
      { connection: PASSPHRASE, argv: ['uptime'] },
      { connection: 'wrong-key', argv: ['echo', PASSPHRASE] },
    ]
    let ran = 0
    for (const [index, attempt] of attempts.entries()) {
      // Three hits suspend a caller, so each attempt is another's.
      const oid = `6f1c1b3e-0000-4000-8000-2000000000${String(index).padStart(2, '0')}`
      const token = await gate.mint('app-only', { claims: { oid, sub: oid } })
      const answer = await ssh(attempt, { token })
      if (answer.status === 'ok') ran++
      if (answer.status !== 'pending_approval') continue
      const id = answer.approval_id ?? ''
      answers.push((await gate.reviewer().show(id)) as unknown as ToolAnswer)
      await gate.reviewer().approve(id)
      const collected = await gate.call('await_approval', { approval_id: id }, { token })
      if (collected.status === 'ok') ran++
      answers.push(collected)
    }
    expect(ran).toBeGreaterThanOrEqual(9)
    const places: [string, string][] = [
      ...answers.map((answer): [string, string] => ['answer', JSON.stringify(answer)]),
      ...gate.logLines.map((line): [string, string] => ['log', line]),
    ]
    for (const file of await readdir(gate.auditDir))
      places.push(['trail', await readFile(join(gate.auditDir, file), 'utf8')])
    const canaries = [
      PASSPHRASE,
      Buffer.from(PASSPHRASE).toString('base64').slice(0, 32),
      ...keyLines,
      ...keyLines.map((line) => Buffer.from(line).toString('base64').slice(4, 40)),
    ]
    const leaks = places.flatMap(([where, text]) =>
      canaries
        .filter((canary) => text.includes(canary))
        .map((canary) => `${where}: ${canary.slice(0, 12)}... in ${text.slice(0, 300)}`),
    )
    expect(leaks).toEqual([])
    expect(places.length).toBeGreaterThan(20)
  })
})
