import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileSources } from './audit/compileSources.ts'
import { CREDENTIALS } from './fixtures/realDatabase.ts'
import { type RealGate, startRealGate } from './fixtures/realGate.ts'
import { toolsCall } from './fixtures/wire.ts'

/** Values of protected columns, and what a caller writes into them. */
const PROTECTED = ['canary.7Qx@shop.example', '078-05-1120', 'canary.9Zk@shop.example', '219-09-9999']
const [EMAIL = '', SSN = '', NEW_EMAIL = '', NEW_SSN = ''] = PROTECTED
/** Not protected: every path must show it, or the search would prove nothing. */
const VISIBLE = 'Visible-Marker-Q7'

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT|SHOW
    action: allow
  - match: predicate:*
    action: allow
  - match: INSERT
    action: allow
  - match: UPDATE|DELETE
    action: require-approval
record: true
`

/** Everything that left the gateway, by the path it took. */
const outputs = new Map<string, string>()
const note = (path: string, text: string) => outputs.set(path, `${outputs.get(path) ?? ''}${text}\n`)
const tokens: string[] = []
let gate: RealGate
let built: string

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'countersign-canary-'))
  compileSources(built, ['src/main.ts'])
  gate = await startRealGate({ policies: [POLICY], config: { approvals: { inlineWait: '1s' } } })
  await gate.admin(`
    INSERT INTO users (name, email, ssn) VALUES ('${VISIBLE}', '${EMAIL}', '${SSN}');
    CREATE TABLE notes (body text);
    GRANT SELECT, INSERT ON notes TO gate_ro, gate_rw;`)
})
afterAll(async () => {
  await gate?.stop()
  rmSync(built, { recursive: true, force: true })
})

/** A caller of its own for each call: one in whose calls credentials turn up is soon suspended. */
async function newToken(): Promise<string> {
  const azp = `6f1c1b3e-0000-4000-8000-0000000c${String(tokens.length).padStart(4, '0')}`
  const token = await gate.mint('app-only', { claims: { azp, roles: ['Agent.Access', 'db-maintenance-agents'] } })
  tokens.push(token)
  return token
}

async function send(path: string, body: unknown, token: string, more: Record<string, string> = {}): Promise<string> {
  const response = await fetch(new URL(path, gate.url), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      ...more,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  note('answers', `${JSON.stringify([...response.headers])}\n${text}`)
  return text
}

async function sql(text: string, more: Record<string, unknown> = {}): Promise<string> {
  const call = toolsCall('run_sql', { connection: 'prod-maintenance', sql: text, ...more })
  const answer = await send(
    '/mcp',
    { ...call, params: { ...call.params, _meta: { progressToken: 1 } } },
    await newToken(),
  )
  // What was typed is shown to its caller by nobody; only the answer counts here.
  return answer
}

function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...env }, cwd: gate.dir }
    execFile(process.execPath, [join(built, 'main.js'), ...args], options, (_, stdout, stderr) => {
      note('command line', `${args[0]} ${args[1] ?? ''}\n${stdout}${stderr}`)
      resolve()
    })
  })
}

test('no secret and no protected value comes out, on any path', async () => {
  const { read, write } = CREDENTIALS
  const digestKey = readFileSync(join(gate.dir, 'digest.key'))
  const signingKey = await readFile(join(gate.auditDir, 'signing-key.pem'), 'utf8')
  const keyText = signingKey.split('\n')[1] ?? ''
  expect(keyText.length).toBeGreaterThan(40)

  // Rows, by every way a column can take.
  await sql(`SELECT name, email, ssn FROM users WHERE name = '${VISIBLE}'`)
  await sql(`SELECT u FROM users u WHERE name = '${VISIBLE}'`)
  await sql(`SELECT to_jsonb(u), u::text, 'x' || email, upper(ssn), md5(email) FROM users u WHERE name = '${VISIBLE}'`)
  await sql(`SELECT min(email), string_agg(ssn, ',') FROM users WHERE name = '${VISIBLE}'`)
  await sql(`WITH v AS (SELECT email AS a FROM users WHERE name = '${VISIBLE}') SELECT reverse(reverse(a)) FROM v`)
  // Errors that quote values.
  await sql('SELECT email::int FROM users')
  await sql('SELECT ssn::date FROM users')
  await sql(`SELECT 1 / (length(email) - length(email)) FROM users WHERE email = '${EMAIL}'`)
  await sql(`INSERT INTO users (name, email, ssn) VALUES ('double', '${EMAIL}', '${SSN}')`)
  await sql('SELECT * FROM users WHERE email = $1 AND ssn = $2', { params: [EMAIL, SSN] })
  await sql(`SELECT name FROM users WHERE email LIKE '${EMAIL}'`)
  await sql(`EXPLAIN SELECT name FROM users WHERE email = '${EMAIL}'`)
  await sql(`EXPLAIN (VERBOSE) UPDATE users SET email = '${NEW_EMAIL}' WHERE id = 1`)
  // What the server holds, sent by somebody who has it from elsewhere.
  for (const secret of [read.password, write.password, keyText, digestKey.toString('utf8').trim()]) {
    await sql('SELECT $1::text AS echoed', { params: [secret], reason: `because of ${secret}` })
    await sql(`INSERT INTO notes VALUES ('${VISIBLE} ${secret}')`, { idempotency_key: `k${tokens.length}` })
  }
  await sql('SELECT body FROM notes')
  const replayed = await newToken()
  await sql(`SELECT '${replayed}' AS bearer`)
  await sql("SELECT current_setting('is_superuser'), current_user, inet_server_port()")
  await sql('SELECT rolname, rolpassword FROM pg_authid')
  await sql('SELECT passwd FROM pg_shadow')
  await sql('SELECT query FROM pg_stat_activity')

  // Requests, previews, decisions.
  const update = `UPDATE users SET email = '${NEW_EMAIL}', ssn = '${NEW_SSN}' WHERE email = '${EMAIL}' AND name = '${VISIBLE}'`
  const pending = await sql(update, { reason: `for ${VISIBLE}` })
  const id = /apr_[A-Z0-9]{26}/.exec(pending)?.[0] ?? ''
  expect(id).not.toBe('')
  const reviewer = gate.reviewer()
  const reviewerToken = await gate.mint('reviewer')
  tokens.push(reviewerToken)
  note('approval views', JSON.stringify([await reviewer.list('all'), await reviewer.show(id)]))
  await runCli(['approvals', 'list', '--url', gate.url.replace('/mcp', '')], { COUNTERSIGN_TOKEN: reviewerToken })
  await runCli(['approvals', 'show', id, '--url', gate.url.replace('/mcp', '')], { COUNTERSIGN_TOKEN: reviewerToken })
  note('approval views', JSON.stringify(await reviewer.approve(id)))
  const owner = tokens.at(-2) ?? ''
  const done = await send('/mcp', toolsCall('await_approval', { approval_id: id }), owner)
  expect(done).toContain('"rows_changed":1')
  await sql(`SELECT name, email, ssn FROM users WHERE name = '${VISIBLE}'`)
  await send(
    '/mcp',
    toolsCall('explain_call', { tool: 'run_sql', arguments: { connection: 'prod-maintenance', sql: update } }),
    owner,
  )
  await send('/mcp', toolsCall('list_connections', {}), owner)
  await send('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }, owner)

  // Requests that never become calls.
  await send(`/mcp?access_token=${owner}`, toolsCall('run_sql', {}), 'not-a-token')
  await send('/mcp', `{"sql": "${SSN}`, owner)
  await send('/mcp', toolsCall(`run_sql ${read.password}`, { sql: SSN }), owner)
  await send('/mcp', toolsCall('run_sql', { connection: read.password, sql: SSN, [write.password]: EMAIL }), owner)
  await send('/api/approvals', { digest: 'x' }, owner)
  await send(`/nothing/${owner}`, {}, owner, { host: 'evil.example' }).catch(() => undefined)
  for (const path of ['/readyz', '/healthz', '/.well-known/oauth-protected-resource']) {
    const response = await fetch(new URL(path, gate.url))
    note('health', `${path} ${JSON.stringify([...response.headers])} ${await response.text()}`)
  }

  // What stays behind.
  const caller = { provider: 'entra', kind: 'app', roles: ['Agent.Access', 'db-maintenance-agents'] }
  await writeFile(join(gate.dir, 'caller.json'), JSON.stringify(caller))
  await runCli(['check', '--config', gate.configPath])
  await runCli([
    'explain',
    'run_sql',
    'connection=prod-maintenance',
    `sql=${update}`,
    '--as',
    'caller.json',
    '--config',
    gate.configPath,
  ])
  await runCli(['audit', 'verify', gate.auditDir, '--config', gate.configPath])
  await runCli(['audit', 'show', id, '--dir', gate.auditDir])
  for (const call of new Set(
    (await gate.readTrail()).flatMap(({ call }) => (typeof call === 'string' ? [call] : [])),
  ).values()) {
    if (outputs.get('answers')?.includes(VISIBLE)) await runCli(['audit', 'show', call, '--dir', gate.auditDir])
  }
  for (const name of await readdir(gate.auditDir)) {
    if (name.endsWith('.jsonl')) note('trail', await readFile(join(gate.auditDir, name), 'utf8'))
  }
  note('operational log', gate.logLines.join(''))

  const secrets = new Map<string, string>([
    ...PROTECTED.map((value): [string, string] => [`protected value ${value}`, value]),
    ['read password', read.password],
    ['write password', write.password],
    ['signing key', keyText],
    ['digest key, text', digestKey.toString('utf8').trim()],
    ['digest key, hex', digestKey.toString('hex')],
    ...tokens.map((token, index): [string, string] => [`token ${index}`, token]),
    ...tokens.map((token, index): [string, string] => [`signature of token ${index}`, token.split('.')[2] ?? '']),
  ])
  const found: string[] = []
  for (const [path, text] of outputs) {
    for (const [name, secret] of secrets) {
      for (const [form, written] of formsOf(secret)) {
        const at = text.indexOf(written)
        if (at !== -1) found.push(`${name} as ${form} in ${path}: ${text.slice(Math.max(0, at - 300), at)}`)
      }
    }
  }
  expect(found).toEqual([])
  // The paths were really walked, and really searched.
  expect(outputs.get('answers')).toContain('notifications/progress')
  for (const path of ['answers', 'approval views', 'trail', 'command line'])
    expect(outputs.get(path)).toContain(VISIBLE)
  expect([...outputs.keys()].sort()).toEqual([
    'answers',
    'approval views',
    'command line',
    'health',
    'operational log',
    'trail',
  ])
}, 180_000)

/** A value as it is, and as it may travel. */
function formsOf(value: string): readonly (readonly [string, string])[] {
  const bytes = Buffer.from(value)
  return [
    ['itself', value],
    ['JSON', JSON.stringify(value).slice(1, -1)],
    ['base64', bytes.toString('base64').replace(/=+$/, '').slice(0, -1)],
    ['hex', bytes.toString('hex')],
    ['a URL', encodeURIComponent(value)],
    ['reversed', [...value].reverse().join('')],
    ['upper case', value.toUpperCase()],
  ]
}
