import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { startGateway } from '../../src/startGateway.ts'
import { openVisitor, type Visitor } from '../console/visitor.ts'
import { listen } from '../fixtures/wire.ts'
import { lintBlocks } from './lintBlocks.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn } from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = kind || '!' WHERE id = 1"
const HEIDI = '6f1c1b3e-0000-4000-8000-0000000000c1'

let made: SlackGate
let grace: Visitor
beforeAll(async () => {
  made = await startSlackGate({
    people: [
      ...DEMO_PEOPLE,
      { id: 'heidi', name: 'Heidi', about: '', claims: { oid: HEIDI, preferred_username: 'heidi@corp.example' } },
    ],
    config: {
      approvals: {
        console: { enabled: true },
        reviewers: { dba: { people: [PEOPLE.U0ANN, DEMO_IDS.reviewer, HEIDI], atLeast: 2 } },
      },
    },
  })
  for (const user of ['U0GRA', 'U0MAL', 'U0HEI']) {
    made.slack.users.set(user, { profile: { real_name: `Person ${user}` } })
  }
  await eventually(() => made.slack.sockets.size === 1)
}, 60_000)
afterAll(() => made?.stop())
beforeEach(async () => {
  grace = openVisitor(made.gate.url)
  await grace.signIn('grace')
})

async function type(user: string, text: string, over: object = {}, socket = 0): Promise<string> {
  const command = { command: '/countersign', text, api_app_id: 'A0APP', team_id: 'T0HOME', channel_id: 'C9' }
  const answer = await made.slack.deliver({ ...command, user_id: user, ...over }, { type: 'slash_commands', socket })
  expect(answer).toMatchObject({ response_type: 'ephemeral' })
  expect(lintBlocks(answer.blocks)).toEqual([])
  return JSON.stringify(answer)
}
const pathIn = (answer: string) => /\/console\/link\/[0-9a-f]{64}/.exec(answer)?.[0] ?? 'no address'
const codeIn = (page: string) => /\/countersign link ([2-9a-z]{8})</.exec(page)?.[1] ?? 'no code'
const linkEvents = async () =>
  (await made.gate.readTrail()).filter(({ event }) => String(event).startsWith('reviewer.'))

/** From the command to the code. */
async function confirmed(user: string, visitor = grace): Promise<{ path: string; code: string }> {
  const path = pathIn(await type(user, 'link'))
  const page = await visitor.submit(await visitor.visit(path), '/confirm')
  return { path, code: codeIn(page.text) }
}
const linked = async (user: string, visitor = grace) => type(user, `link ${(await confirmed(user, visitor)).code}`)
const approve = async (id: string, user: string) => {
  await made.slack.deliver(clickOn(await made.messageOf(id), 'countersign_approve', { user }))
  return await eventually(() => made.slack.whispers.filter((one) => one.user === user).at(-1))
}
const votersOf = async (id: string) => (await made.gate.reviewer().show(id)).votes.map(({ by }) => JSON.stringify(by))

describe('linking an account', () => {
  test('takes the command, a confirmation in the console and the code in the account; then its clicks count', async () => {
    const id = await made.request(UPDATE)
    await approve(id, 'U0GRA')
    expect(await votersOf(id)).toEqual([])
    const before = (await linkEvents()).length
    const { path, code } = await confirmed('U0GRA')
    await approve(id, 'U0GRA')
    expect(await votersOf(id)).toEqual([])
    expect(await linkEvents()).toHaveLength(before)
    expect(await type('U0GRA', `link ${code.toUpperCase()}`)).toContain('counts as grace@corp.example')
    expect((await linkEvents()).at(-1)).toMatchObject({
      event: 'reviewer.linked',
      reviewer: { oid: DEMO_IDS.reviewer },
      account: { provider: 'slack', tid: 'T0HOME', oid: 'U0GRA' },
    })
    await approve(id, 'U0GRA')
    expect(await votersOf(id)).toEqual([expect.stringContaining('Person U0GRA')])
    expect((await grace.visit(path)).text).toContain('ERR_LINK_OFFER')
    expect(await type('U0GRA', `link ${code}`)).toContain('not the code')
  })

  test('the page names the account by its id and what it calls itself, and the person; looking uses nothing up', async () => {
    made.slack.users.set('U0MAL', { profile: { real_name: '<b>Grace</b>\u202e' } })
    const path = pathIn(await type('U0MAL', 'link'))
    for (let look = 0; look < 3; look++) {
      const page = await grace.visit(path)
      expect(page.status).toBe(200)
      expect(page.text).toContain('<code><bdi>U0MAL</bdi></code> in workspace <code><bdi>T0HOME</bdi></code>')
      expect(page.text).toContain('&lt;b&gt;Grace&lt;/b&gt;')
      expect(page.text).not.toContain('\u202e')
      expect(page.text).toContain('grace@corp.example')
    }
  })

  test('an address that was sent to somebody else gives nothing without the code on their screen', async () => {
    const { code } = await confirmed('U0MAL')
    const id = await made.request(UPDATE)
    await approve(id, 'U0MAL')
    expect(await type('U0HEI', `link ${code}`)).toContain('not the code')
    expect(await votersOf(id)).toEqual([])
    for (let guess = 0; guess < 5; guess++) expect(await type('U0MAL', 'link 22222222')).toContain('not the code')
    // After five tries the right one is worth nothing either.
    expect(await type('U0MAL', `link ${code}`)).toContain('not the code')
    await approve(id, 'U0MAL')
    expect(await votersOf(id)).toEqual([])
  })

  test('an address works once, in one browser, and not after a newer one', async () => {
    const heidi = openVisitor(made.gate.url)
    await heidi.signIn('heidi')
    const old = pathIn(await type('U0HEI', 'link'))
    const path = pathIn(await type('U0HEI', 'link'))
    expect((await heidi.visit(old)).text).toContain('ERR_LINK_OFFER')
    const [mine, theirs] = [await heidi.visit(path), await grace.visit(path)]
    const pages = await Promise.all([heidi.submit(mine, '/confirm'), grace.submit(theirs, '/confirm')])
    expect(pages.map(({ text }) => codeIn(text)).filter((code) => code !== 'no code')).toHaveLength(1)
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 404])
  })

  test('without a session it leads through the login and back; without the token of the form nothing is confirmed', async () => {
    const path = pathIn(await type('U0GRA', 'link'))
    const stranger = openVisitor(made.gate.url)
    const before = await stranger.visit(path)
    expect(before.text).toContain('Sign in to review')
    expect(before.text).not.toContain('U0GRA')
    expect((await stranger.signIn('heidi', path)).text).toContain(`content="0;url=${path}"`)
    const forged = await grace.visit(`${path}/confirm`, { form: { csrf: 'x'.repeat(43) } })
    expect(forged.text).toContain('ERR_CONSOLE_FORM')
    const foreign = await grace.visit(`${path}/confirm`, { form: {}, headers: { origin: 'https://evil.example' } })
    expect(foreign.status).toBeGreaterThanOrEqual(400)
    expect((await grace.visit(path)).status).toBe(200)
  })

  test('ten minutes later the address and the code are worth nothing', async () => {
    const { code } = await confirmed('U0HEI')
    const path = pathIn(await type('U0MAL', 'link'))
    const store = openSqliteStore(made.gate.storePath)
    for (const user of ['U0HEI', 'U0MAL']) {
      const offer = await store.offerOf({ realm: 'T0HOME', user })
      if (offer === undefined) throw new Error('no offer')
      await store.saveOffer({ ...offer, expiresAt: Date.now() - 1 })
    }
    await store.close()
    expect(await type('U0HEI', `link ${code}`)).toContain('not the code')
    expect((await grace.visit(path)).text).toContain('ERR_LINK_OFFER')
  })

  test.each([
    ['a guest', { is_restricted: true }],
    ['a single-channel guest', { is_ultra_restricted: true }],
    ['a bot', { is_bot: true }],
    ['a stranger of a shared channel', { is_stranger: true }],
    ['a closed account', { deleted: true }],
    ['an account of another workspace', { team_id: 'T0OTHER' }],
  ])('%s gets no address, and cannot finish with a code', async (_, marks) => {
    made.slack.users.set('U0HEI', { profile: { real_name: 'Heidi' } })
    const { code } = await confirmed('U0HEI')
    made.slack.users.set('U0HEI', { profile: { real_name: 'Heidi' }, ...marks })
    onTestFinished(() => void made.slack.users.set('U0HEI', { profile: { real_name: 'Heidi' } }))
    expect(pathIn(await type('U0HEI', 'link'))).toBe('no address')
    expect(await type('U0HEI', `link ${code}`)).toContain('decide nothing')
  })

  test('a delivery of another workspace or app gets no address', async () => {
    expect(pathIn(await type('U0GRA', 'link', { team_id: 'T0OTHER' }))).toBe('no address')
    expect(pathIn(await type('U0GRA', 'link', { api_app_id: 'A0EVIL' }))).toBe('no address')
  })

  test('whom the configuration names stays who they are', async () => {
    expect(await type('U0ANN', 'link')).toContain('operators')
    expect(await type('U0ANN', 'unlink')).toContain('operators')
    const store = openSqliteStore(made.gate.storePath)
    const account = { realm: 'T0HOME', user: 'U0ANN', name: 'x' }
    const person = { person: `entra|${DEMO_IDS.tenant}|${HEIDI}`, provider: 'entra', subject: HEIDI, name: 'Heidi' }
    await store.saveOffer({ account, key: 'k', expiresAt: Date.now() + 60_000, claim: undefined })
    await store.saveLink({ account, person, linkedAt: 1 }, 'k')
    await store.close()
    const id = await made.request(UPDATE)
    await approve(id, 'U0ANN')
    expect((await made.gate.reviewer().show(id)).votes).toHaveLength(1)
    const [vote] = (await made.gate.readTrail()).filter(
      ({ event, approval }) => event === 'approval.decided' && approval === id,
    )
    expect(vote).toMatchObject({ by: { oid: PEOPLE.U0ANN } })
  })

  test('a person who was stopped links nothing, and their links decide nothing', async () => {
    await linked('U0GRA')
    const path = pathIn(await type('U0MAL', 'link'))
    const page = await grace.visit(path)
    const undo = await made.revoke(DEMO_IDS.reviewer)
    try {
      expect((await grace.submit(page, '/confirm')).text).toContain('ERR_REVOKED')
      const id = await made.request(UPDATE)
      await approve(id, 'U0GRA')
      expect((await made.slack.whispers.filter((one) => one.user === 'U0GRA').at(-1))?.blocks).toBeDefined()
      expect(
        (await made.gate.readTrail()).filter(({ event, approval }) => event === 'approval.decided' && approval === id),
      ).toEqual([])
    } finally {
      await undo()
    }
  })
})

describe('a linked account', () => {
  test('moves to another person only after the same steps, and the page says whose it was', async () => {
    await linked('U0GRA')
    const heidi = openVisitor(made.gate.url)
    await heidi.signIn('heidi')
    const path = pathIn(await type('U0GRA', 'link'))
    const page = await heidi.visit(path)
    expect(page.text).toMatch(/Until now it counts as <bdi>grace@corp\.example<\/bdi>/)
    const shown = await heidi.submit(page, '/confirm')
    const accountsOf = async (visitor: Visitor) => (await visitor.visit('/console/accounts')).text
    expect(await accountsOf(grace)).toContain('U0GRA')
    await type('U0GRA', `link ${codeIn(shown.text)}`)
    expect(await accountsOf(grace)).not.toContain('U0GRA')
    expect(await accountsOf(heidi)).toContain('U0GRA')
    expect((await linkEvents()).at(-1)).toMatchObject({
      reviewer: { oid: HEIDI },
      instead_of: { oid: DEMO_IDS.reviewer },
    })
  })

  test('is listed in the console and removed there, by its own person only, or in Slack', async () => {
    await linked('U0GRA')
    const page = await grace.visit('/console/accounts')
    expect(page.text).toContain('U0GRA')
    const heidi = openVisitor(made.gate.url)
    await heidi.signIn('heidi')
    const own = await heidi.visit('/console/accounts')
    const csrf = /name="csrf" value="([^"]*)"/.exec(own.text)?.[1] ?? ''
    await heidi.visit('/console/accounts/unlink', { form: { csrf, realm: 'T0HOME', user: 'U0GRA' } })
    expect((await grace.visit('/console/accounts')).text).toContain('U0GRA')
    await grace.submit(page, '/console/accounts/unlink')
    expect((await grace.visit('/console/accounts')).text).not.toContain('U0GRA')
    expect((await linkEvents()).at(-1)).toMatchObject({ event: 'reviewer.unlinked', via: 'console' })
    await linked('U0GRA')
    expect(await type('U0GRA', 'unlink')).toContain('decides nothing any more')
    expect(await type('U0GRA', 'unlink')).toContain('was not linked')
    expect((await linkEvents()).at(-1)).toMatchObject({ event: 'reviewer.unlinked', via: 'slack' })
    const id = await made.request(UPDATE)
    await approve(id, 'U0GRA')
    expect(await votersOf(id)).toEqual([])
  })

  test('lists its own decisions, on every surface, to itself alone', async () => {
    await linked('U0GRA')
    const [slack, api] = [await made.request(UPDATE), await made.request(UPDATE)]
    await approve(slack, 'U0GRA')
    await made.gate.reviewer({ oid: DEMO_IDS.reviewer }).deny(api, 'no')
    const listed = await type('U0GRA', 'decisions')
    expect(listed).toMatch(
      new RegExp(`approved · run_sql on prod-maintenance for cleanup-bot · now pending · ${slack}`),
    )
    expect(listed).toMatch(new RegExp(`denied · .* · now denied · ${api}`))
    expect(listed.indexOf(api)).toBeLessThan(listed.indexOf(slack))
    expect(await type('U0ANN', 'decisions')).not.toContain(slack)
    expect(await type('U0EVE', 'decisions')).toContain('not a reviewer')
    expect(await type('U0MAL', 'decisions')).not.toContain(slack)
  })

  test('begun at one gateway it is confirmed at another on the same store, and the code works once', async () => {
    const config = JSON.parse(await readFile(made.gate.configPath, 'utf8'))
    const probe = createServer()
    const port = await listen(probe)
    await new Promise((resolve) => probe.close(resolve))
    const path = join(made.gate.dir, 'second.yaml')
    config.server = { ...config.server, listen: `127.0.0.1:${port}`, publicUrl: `http://127.0.0.1:${port}/mcp` }
    config.audit = { ...config.audit, dir: 'audit-second' }
    await writeFile(path, JSON.stringify(config))
    const second = await startGateway({ configPath: path, log: openLog(new PassThrough().resume()), replica: 'b' })
    try {
      await eventually(() => made.slack.sockets.size === 2)
      const there = openVisitor(second.url)
      await there.signIn('heidi')
      const address = pathIn(await type('U0HEI', 'link', {}, 0))
      const { text } = await there.submit(await there.visit(address), '/confirm')
      const answers = await Promise.all(
        [0, 1, 0, 1].map((socket) => type('U0HEI', `link ${codeIn(text)}`, { trigger_id: String(socket) }, socket)),
      )
      expect(answers.filter((answer) => answer.includes('counts as heidi@corp.example'))).toHaveLength(1)
    } finally {
      await second.stop('request')
    }
  })
})

test('where linking is off nobody begins it, and what was linked before decides nothing', async () => {
  const off = await startSlackGate({
    slack: made.slack,
    database: made.gate.database,
    slackSettings: { linking: false },
    config: { approvals: { console: { enabled: true }, reviewers: { dba: { people: [DEMO_IDS.reviewer] } } } },
  })
  try {
    await eventually(() => made.slack.sockets.size === 2)
    const socket = [...made.slack.sockets].length - 1
    expect(await type('U0GRA', 'link', {}, socket)).toContain('cannot be linked here')
    const store = openSqliteStore(off.gate.storePath)
    const account = { realm: 'T0HOME', user: 'U0GRA', name: 'Grace' }
    const subject = DEMO_IDS.reviewer
    const person = { person: `entra|${DEMO_IDS.tenant}|${subject}`, provider: 'entra', subject, name: 'Grace' }
    await store.saveOffer({ account, key: 'k', expiresAt: Date.now() + 60_000, claim: undefined })
    await store.saveLink({ account, person, linkedAt: 1 }, 'k')
    await store.close()
    expect(await type('U0GRA', 'pending', {}, socket)).toContain('not linked to a person')
    const visitor = openVisitor(off.gate.url)
    await visitor.signIn('grace')
    expect((await visitor.visit(`/console/link/${'0'.repeat(64)}`)).text).toContain('ERR_LINK_OFF')
  } finally {
    await off.stop()
  }
})

test('what cannot be understood is answered with what can be said, and nothing was sent that Slack would refuse', async () => {
  for (const text of ['', 'help', 'link a b', 'pending now', 'unlink U0ANN']) {
    expect(await type('U0GRA', text)).toContain('/countersign pending')
  }
  expect(made.slack.lint).toEqual([])
})
