import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ReviewView } from '../../src/approvals/review.ts'
import { drawApproval } from '../../src/cli/drawApproval.ts'
import { modifyApproval } from '../../src/cli/modifyApproval.ts'
import { openVisitor } from '../console/visitor.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - match: DELETE|UPDATE|INSERT
    action: require-approval
record: true
`
const DELETE = "DELETE FROM jobs WHERE state = 'failed'"
const FEWER = "DELETE FROM jobs WHERE state = 'failed' AND id <= 5"
const CANARY = 'canary-5127@shop.example'

const ANN = { oid: '6f1c1b3e-0000-4000-8000-0000000000a1', preferred_username: 'ann' }
const BEN = { oid: '6f1c1b3e-0000-4000-8000-0000000000b1', preferred_username: 'ben' }

let gate: RealGate
beforeAll(async () => {
  gate = await startRealGate({ policies: [POLICY], config: { approvals: { console: { enabled: true } } } })
})
afterAll(() => gate?.stop())

let token = ''
let serial = 0
beforeEach(async () => {
  serial += 1
  const azp = `6f1c1b3e-0000-4000-8000-00000000e${String(serial).padStart(3, '0')}`
  token = await gate.mint('app-only', { claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp } })
  await gate.admin(`
    DELETE FROM jobs;
    INSERT INTO jobs (id, kind, state) OVERRIDING SYSTEM VALUE
    SELECT n, 'sync', CASE WHEN n <= 37 THEN 'failed' ELSE 'done' END FROM generate_series(1, 100) n;
  `)
})
const failedJobs = async () => Number((await gate.admin("SELECT count(*) FROM jobs WHERE state = 'failed'"))[0]?.count)
const collect = (id: string) => gate.call('await_approval', { approval_id: id }, { token })

async function ask(sql: string, args: Record<string, unknown> = {}) {
  const answer = await gate.sql(sql, args, { token })
  expect(answer.status).toBe('pending_approval')
  return answer.approval_id ?? ''
}

interface Modified {
  readonly approval?: ReviewView
  readonly error?: { readonly code: string; readonly message: string }
}
async function modify(id: string, set: Record<string, unknown>, who: Record<string, unknown> = ANN, reason?: string) {
  const reviewer = gate.reviewer(who)
  const { digest } = await reviewer.show(id)
  const { status, body } = await reviewer.ask(`/${id}/modify`, { method: 'POST', body: { digest, set, reason } })
  return { status, ...(body as Modified) }
}
async function modified(id: string, set: Record<string, unknown>, who = ANN, reason?: string): Promise<ReviewView> {
  const { approval, error } = await modify(id, set, who, reason)
  if (approval === undefined) throw new Error(JSON.stringify(error))
  return approval
}
const eventsOf = async (id: string) =>
  (await gate.readTrail()).filter((record) => record.approval === id && String(record.event).startsWith('approval.'))

describe('what a reviewer wrote is what runs, once, and everybody is told', () => {
  test('fewer rows than the agent asked for: previewed anew, shown as a diff, approved by another one', async () => {
    const id = await ask(DELETE, { reason: 'They slow the queue down.' })
    const change = await modified(id, { sql: FEWER }, ANN, 'Start with a few.')
    expect(change).toMatchObject({
      state: 'pending',
      effect: { rows: 5 },
      reason: 'They slow the queue down.',
      change: {
        instead_of: id,
        by: 'ann',
        note: 'Start with a few.',
        fields: [
          {
            name: 'sql',
            diff: [
              { kind: 'removed', text: DELETE },
              { kind: 'added', text: FEWER },
            ],
          },
        ],
      },
    })
    expect(await gate.reviewer(BEN).show(id)).toMatchObject({
      state: 'modified',
      replaced_by: { id: change.id, by: 'ann' },
    })
    expect(await collect(id)).toMatchObject({
      status: 'pending_approval',
      approval_id: change.id,
      details: { changed: { asked: { sql: DELETE }, now: { sql: FEWER }, note: 'Start with a few.' } },
    })
    await gate.reviewer(BEN).approve(change.id)
    const ran = await collect(id)
    expect(ran).toMatchObject({ status: 'ok', approval_id: change.id, details: { changed: { now: { sql: FEWER } } } })
    expect(ran.message).toContain('What ran is NOT what you asked for')
    expect(await failedJobs()).toBe(32)
    // The same call again is answered by what ran in its place.
    expect(await gate.sql(DELETE, { reason: 'again' }, { token })).toMatchObject({
      status: 'ok',
      approval_id: change.id,
    })
    expect(await failedJobs()).toBe(32)
    expect((await eventsOf(id)).map(({ event, to }) => [event, to])).toEqual([
      ['approval.requested', undefined],
      ['approval.modified', change.id],
    ])
    expect((await eventsOf(change.id)).map(({ event, instead_of, vote }) => [event, instead_of, vote])).toEqual([
      ['approval.requested', id, undefined],
      ['approval.decided', undefined, 'approve'],
    ])
  })

  test('its author approves it on no surface, and every try is on record', async () => {
    const id = await ask(DELETE)
    const visitor = openVisitor(gate.url)
    await visitor.signIn('grace')
    const form = await visitor.visit(`/console/requests/${id}/modify`)
    const sent = await visitor.submit(form, '/modify', { 'edit-0': FEWER, reason: '' })
    const path = sent.headers.get('location') ?? ''
    const child = path.split('/').at(-1) ?? ''
    expect(path).toMatch(/^\/console\/requests\/apr_/)
    expect((await visitor.submit(await visitor.visit(path), '/approve', { reason: '' })).text).toContain(
      'Nobody approves what they wrote themselves',
    )
    // The same person with a token of her own, at the API.
    const grace = gate.reviewer()
    const { digest } = await grace.show(child)
    const { body } = await grace.ask(`/${child}/approve`, { method: 'POST', body: { digest } })
    expect(body).toMatchObject({ error: { code: 'ERR_VOTE_AUTHOR' } })
    expect((await eventsOf(child)).filter(({ code }) => code === 'ERR_VOTE_AUTHOR').map(({ via }) => via)).toEqual([
      'console',
      'api',
    ])
    expect(await grace.show(child)).toMatchObject({ state: 'pending', votes: [] })
    expect(await failedJobs()).toBe(37)
  })

  test('a token for calling tools changes nothing', async () => {
    const id = await ask(DELETE)
    const { digest } = await gate.reviewer(ANN).show(id)
    const api = new URL(`/api/approvals/${id}/modify`, gate.url)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ digest, set: { sql: FEWER } })
    expect((await fetch(api, { method: 'POST', headers, body })).status).toBeGreaterThanOrEqual(401)
    expect(await gate.reviewer(ANN).show(id)).toMatchObject({ state: 'pending', replaced_by: null })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['a statement that policy denies', { sql: 'TRUNCATE jobs' }, 'ERR_MODIFY_DENIED'],
    ['two statements', { sql: `${FEWER}; DROP TABLE jobs` }, 'ERR_SQL_'],
    ['no statement', { sql: 'not sql' }, 'ERR_SQL_'],
    ['another connection', { connection: 'other' }, 'ERR_MODIFY_FIELD'],
    ['an argument the tool does not have', { sql: FEWER, force: true }, 'ERR_ARGUMENTS'],
    ['a value of another kind', { sql: 7 }, 'ERR_ARGUMENTS'],
    ['a placeholder', { sql: "DELETE FROM jobs WHERE kind = '[masked:x]'" }, 'ERR_PLACEHOLDER'],
  ])('%s: the reviewer is told why, the trail has it, and the request waits as before', async (_what, set, code) => {
    const id = await ask(DELETE)
    const { status, error } = await modify(id, set)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(error?.code).toContain(code)
    expect(await gate.reviewer(ANN).show(id)).toMatchObject({ state: 'pending', replaced_by: null, votes: [] })
    expect((await eventsOf(id)).at(-1)).toMatchObject({ event: 'approval.vote_refused', vote: 'modify', via: 'api' })
    expect(await failedJobs()).toBe(37)
  })
})

describe('what was hidden from the reviewer', () => {
  const searching = `UPDATE users SET plan = 'free' WHERE email = '${CANARY}'`

  /** Everything that anybody could read of these requests, on every surface. */
  async function everywhere(ids: readonly string[], answers: readonly unknown[]): Promise<string> {
    const visitor = openVisitor(gate.url)
    await visitor.signIn('grace')
    const views = await Promise.all(ids.map((id) => gate.reviewer(ANN).show(id)))
    const pages = await Promise.all(
      ids.flatMap((id) => [id, `${id}/modify`]).map((path) => visitor.visit(`/console/requests/${path}`)),
    )
    const history = await visitor.visit('/console/history')
    return JSON.stringify([
      ...[views, views.map((view) => drawApproval(view, Date.now())), pages, history, answers],
      ...[await gate.readTrail(), gate.logLines],
    ])
  }

  test('is in no form, and is not kept in a change: each argument that holds it is written anew', async () => {
    const id = await ask(searching)
    const view = await gate.reviewer(ANN).show(id)
    expect(view.editable).toEqual([expect.objectContaining({ name: 'sql', text: null })])
    const masked = view.what.fields[0]?.text ?? ''
    expect(masked).toContain('[masked:')
    expect(await modify(id, { sql: masked.replace('free', 'pro') })).toMatchObject({
      error: { code: 'ERR_PLACEHOLDER' },
    })
    expect(await modify(id, {})).toMatchObject({ error: { code: 'ERR_MODIFY_HIDDEN' } })
    const change = await modified(id, { sql: "UPDATE users SET plan = 'pro' WHERE id = 7" })
    expect(change.change?.fields[0]?.diff.map(({ kind }) => kind)).toEqual(['removed', 'added'])
    const told = await collect(id)
    expect(told).toMatchObject({ details: { changed: { asked: { sql: masked } } } })
    expect(await everywhere([id, change.id], [told])).not.toContain(CANARY)
  })

  test('cannot be brought to light by another text around it', async () => {
    const id = await ask('UPDATE users SET plan = $2 WHERE email = $1', { params: [CANARY, 'free'] })
    const { editable } = await gate.reviewer(ANN).show(id)
    expect(editable.find(({ name }) => name === 'params')).toMatchObject({ kind: 'json', text: null })
    // As a value that nothing protects, it would stand in the request that the next reviewer reads.
    const around = { sql: 'UPDATE jobs SET kind = $1 WHERE state = $2' }
    const refused = await modify(id, around)
    expect(refused).toMatchObject({ error: { code: 'ERR_MODIFY_HIDDEN' } })
    const change = await modified(id, { ...around, params: ['free', 'failed'] })
    await gate.reviewer(BEN).approve(change.id)
    expect(await everywhere([id, change.id], [refused, await collect(id)])).not.toContain(CANARY)
    expect(await gate.admin("SELECT count(*) FROM jobs WHERE kind = 'free'")).toEqual([{ count: '37' }])
  })

  test('is hidden again when it is the reviewer who writes a protected value', async () => {
    const id = await ask("UPDATE users SET plan = 'free' WHERE id = 3")
    const change = await modified(id, { sql: searching })
    expect(change.what.fields[0]).toMatchObject({ masked: true })
    await gate.reviewer(BEN).ask(`/${change.id}/approve`, { method: 'POST', body: { digest: change.digest } })
    const { status } = await gate
      .reviewer(BEN)
      .show(change.id)
      .then(() => collect(id))
    expect(['ok', 'pending_approval']).toContain(status)
    expect(await everywhere([id, change.id], [await collect(id)])).not.toContain(CANARY)
  })
})

describe('countersign approvals modify', () => {
  async function run(id: string, options: Partial<Parameters<typeof modifyApproval>[1]>) {
    const written = { out: '', err: '' }
    const io = {
      out: (text: string) => {
        written.out += text
      },
      err: (text: string) => {
        written.err += text
      },
    }
    const reviewerToken = await gate.issuer.mint('reviewer', { claims: ANN })
    const base = { url: gate.url, token: reviewerToken, json: false, set: [], edit: undefined, reason: undefined }
    const exit = await modifyApproval(id, { ...base, digest: undefined, editor: undefined, ...options }, io)
    return { exit, ...written }
  }

  test('prints the new request with what changed, and that somebody else has to approve it', async () => {
    const id = await ask(DELETE)
    const { exit, out } = await run(id, { set: [`sql=${FEWER}`], reason: 'A few first.' })
    expect(exit).toBe(0)
    expect(out).toContain(`│ - ${DELETE}`)
    expect(out).toContain(`│ + ${FEWER}`)
    expect(out).toMatch(/took the place of apr_\w+\. Somebody else has to approve it/)
  })

  test('opens an editor with the text as it is, in a file that goes away', async () => {
    const id = await ask(DELETE)
    const script = `require('fs').appendFileSync(process.argv[1], ' AND id <= 5'); require('fs').copyFileSync(process.argv[1], '${gate.dir}/edited'); require('fs').writeFileSync('${gate.dir}/path', process.argv[1])`
    const program = `${gate.dir}/editor.cjs`
    await writeFile(program, script.replaceAll('process.argv[1]', 'process.argv[2]'))
    const { exit, out } = await run(id, { edit: true, editor: `${process.execPath} ${program}` })
    expect(exit).toBe(0)
    expect(out).toContain(`│ + ${FEWER}`)
    expect(await readFile(`${gate.dir}/edited`, 'utf8')).toBe(FEWER)
    await expect(readFile(await readFile(`${gate.dir}/path`, 'utf8'))).rejects.toThrow('ENOENT')
  })

  test.each<[string, Partial<Parameters<typeof modifyApproval>[1]>, string, number]>([
    ['nothing to change', {}, 'Nothing to change', 2],
    ['no editor', { edit: true }, 'Set EDITOR', 2],
    ['an editor that fails', { edit: true, editor: `${process.execPath} --no-such-flag` }, 'did not end well', 2],
    ['an argument that cannot be edited', { edit: 'params' }, 'needs the name of an argument: sql', 2],
    ['a file that is not there', { set: ['sql=@/nowhere/at.sql'] }, 'cannot be read', 2],
    ['what policy denies', { set: ['sql=TRUNCATE jobs'] }, 'ERR_MODIFY_DENIED', 1],
    ['the wrong digest', { set: [`sql=${FEWER}`], digest: 'ab'.repeat(10) }, 'The digest is not', 1],
  ])('%s: says so and changes nothing', async (_what, options, message, code) => {
    const id = await ask(DELETE)
    const { exit, err } = await run(id, options)
    expect(err).toContain(message)
    expect(exit).toBe(code)
    expect(await gate.reviewer(ANN).show(id)).toMatchObject({ state: 'pending' })
  })
})
