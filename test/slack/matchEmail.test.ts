import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { joinKey } from '../../src/identity/readClaim.ts'
import { type DirectoryUser, type GraphStandIn, startGraphStandIn } from './graphStandIn.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, deliverSigned, IDS, type PostedMessage } from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = kind || '!' WHERE id = 1"
const ADDRESS = 'ben@corp.example'

let made: SlackGate
let graph: GraphStandIn
let id: string
let message: PostedMessage
let serial = 0
beforeAll(async () => {
  graph = await startGraphStandIn()
  made = await startSlackGate({ mode: 'http', graphUrl: graph.url, slackSettings: { matchEmail: true } })
}, 60_000)
afterAll(async () => {
  await made?.stop()
  await graph?.close()
})
beforeEach(async () => {
  Object.assign(graph, { users: [personOf(PEOPLE.U0BEN)], status: 200, more: {} })
  graph.asked.length = 0
  id = await made.request(UPDATE)
  message = await made.messageOf(id)
})

const personOf = (oid: string, over: Partial<DirectoryUser> = {}): DirectoryUser => ({
  ...{ id: oid, mail: ADDRESS, userPrincipalName: `${oid}@corp.example`, userType: 'Member', accountEnabled: true },
  ...over,
})

/** An account that neither the map nor a link knows. */
function newAccount(over: object = {}, email: string | undefined = ADDRESS): string {
  serial += 1
  const user = `U0NEW${serial}`
  made.slack.users.set(user, { is_email_confirmed: true, profile: { real_name: `New ${serial}`, email }, ...over })
  return user
}

async function approve(user: string): Promise<void> {
  expect(await deliverSigned(made.gate.url, clickOn(message, 'countersign_approve', { user }))).toBe(200)
}
const trailOf = async (event: string) => (await made.gate.readTrail()).filter((record) => record.event === event)
const matchesOf = async (user: string) =>
  (await trailOf('reviewer.matched')).filter(({ account }) => (account as { oid: string }).oid === user)

async function isRefused(user: string, code: string): Promise<void> {
  await approve(user)
  const refusal = await eventually(async () =>
    (await trailOf('approval.vote_refused')).find(({ approval }) => approval === id),
  )
  expect(refusal).toMatchObject({ code, via: 'slack' })
  expect((await made.gate.reviewer({ oid: PEOPLE.U0ANN }).show(id)).votes).toEqual([])
}
async function isApprovedBy(oid: string): Promise<void> {
  const decided = await eventually(async () =>
    (await trailOf('approval.decided')).find(({ approval }) => approval === id),
  )
  expect(decided).toMatchObject({ vote: 'approve', state: 'approved', by: { oid } })
}

describe('an account that nobody configured or linked', () => {
  test('is who has its confirmed address in the directory, whatever the case; that is on record before the vote', async () => {
    const user = newAccount({}, 'BEN@Corp.Example')
    await approve(user)
    await isApprovedBy(PEOPLE.U0BEN)
    expect(graph.asked).toEqual(['BEN@Corp.Example'])
    const events = (await made.gate.readTrail()).map(({ event, approval }) => `${event} ${approval ?? ''}`)
    expect(events.indexOf('reviewer.matched ')).toBeLessThan(events.indexOf(`approval.decided ${id}`))
    expect(await matchesOf(user)).toEqual([
      expect.objectContaining({
        reviewer: { provider: 'entra', oid: PEOPLE.U0BEN },
        account: { provider: 'slack', tid: IDS.team, oid: user, name: expect.any(String) },
        by: 'email',
      }),
    ])
  })

  test('by the name that they log in with too, and with a quote in the address', async () => {
    graph.users = [personOf(PEOPLE.U0ANN, { mail: null, userPrincipalName: "an.o'hara@corp.example" })]
    await approve(newAccount({}, "an.o'hara@corp.example"))
    await isApprovedBy(PEOPLE.U0ANN)
  })

  test('decides nothing when the person is in no reviewer set now, nor for their own agent', async () => {
    graph.users = [personOf(PEOPLE.U0EVE)]
    await isRefused(newAccount(), 'ERR_VOTE_NOT_REVIEWER')
    ;[id, graph.users] = [await made.request(UPDATE), [personOf(PEOPLE.U0OWN)]]
    message = await made.messageOf(id)
    await isRefused(newAccount(), 'ERR_VOTE_OWNER')
  })

  test('is asked for once in a while, but anew when its address changes', async () => {
    const user = newAccount()
    await approve(user)
    await isApprovedBy(PEOPLE.U0BEN)
    id = await made.request(UPDATE)
    message = await made.messageOf(id)
    await approve(user)
    await isApprovedBy(PEOPLE.U0BEN)
    expect(graph.asked).toEqual([ADDRESS])
    expect(await matchesOf(user)).toHaveLength(1)
    made.slack.users.set(user, { is_email_confirmed: true, profile: { email: 'nobody@corp.example' } })
    id = await made.request(UPDATE)
    message = await made.messageOf(id)
    await isRefused(user, 'ERR_SLACK_UNLINKED')
  })
})

const TWO = PEOPLE.U0ANN
test.each<[string, DirectoryUser[]]>([
  ['nobody has the address', []],
  ['two have it', [personOf(PEOPLE.U0BEN), personOf(TWO)]],
  ['a guest has it too', [personOf(PEOPLE.U0BEN), personOf(TWO, { userType: 'Guest' })]],
  ['a closed account has it too', [personOf(TWO, { accountEnabled: false }), personOf(PEOPLE.U0BEN)]],
  ['a guest has it', [personOf(PEOPLE.U0BEN, { userType: 'Guest' })]],
  ['the account is disabled', [personOf(PEOPLE.U0BEN, { accountEnabled: false })]],
  ['an agent with a mailbox has it', [personOf(PEOPLE.U0BEN, { '@odata.type': '#microsoft.graph.agentUser' })]],
])('no match in the directory: %s', async (_, users) => {
  graph.users = users
  const user = newAccount()
  await isRefused(user, 'ERR_SLACK_UNLINKED')
  expect(graph.asked).toEqual([ADDRESS])
  expect(await matchesOf(user)).toEqual([])
})

test.each<[string, object, string | undefined]>([
  ['the address is not confirmed', { is_email_confirmed: false }, ADDRESS],
  ['Slack does not say whether it is', { is_email_confirmed: undefined }, ADDRESS],
  ['Slack says so in other words', { is_email_confirmed: 'true' }, ADDRESS],
  ['there is none', { profile: {} }, undefined],
  ['it is empty', {}, ''],
  ['it is not ASCII', {}, 'bén@corp.example'],
  ['it has a look-alike', {}, 'ben\u200b@corp.example'],
  ['it has two @', {}, 'ben@corp.example@x'],
  ['it has a space', {}, "ben@corp.example' or '1' eq '1"],
])('no match, and nobody is asked: %s', async (_, over, email) => {
  await isRefused(newAccount(over, email), 'ERR_SLACK_UNLINKED')
  expect(graph.asked).toEqual([])
})

test.each(["a'or'1'eq'1@x", "ben@corp.example'or'1'eq'1", "'@'", 'a&$filter=id@x', 'a%27or%271%27eq%271@x', 'a+b#c@x'])(
  'an address is a value and nothing else: %s',
  async (email) => {
    await isRefused(newAccount({}, email), 'ERR_SLACK_UNLINKED')
    expect(graph.asked).toEqual([email])
  },
)

test.each(['other@corp.example', 'ben@corp.example.evil.example', 'ben@\u212aorp.example', null])(
  'a person whom the directory finds by another address is nobody: %s',
  async (mail) => {
    graph.more = { value: [personOf(PEOPLE.U0BEN, { mail })] }
    await isRefused(
      newAccount({}, mail === 'ben@\u212aorp.example' ? 'ben@korp.example' : ADDRESS),
      'ERR_SLACK_UNLINKED',
    )
  },
)

test.each<[string, Partial<GraphStandIn>]>([
  ['it is down', { status: 503 }],
  ['it refuses the gateway', { status: 403 }],
  ['it answers something else', { more: { value: 'ben' } }],
  [
    'it does not say whether the account is enabled',
    { users: [{ id: PEOPLE.U0BEN, mail: ADDRESS, userType: 'Member' }] },
  ],
  ['it does not say whether it is a guest', { users: [{ id: PEOPLE.U0BEN, mail: ADDRESS, accountEnabled: true }] }],
  ['there is another page', { more: { '@odata.nextLink': 'https://graph.example/next' } }],
  ['the object id is none', { users: [personOf('ben')] }],
])('the directory cannot say who it is, and nothing is decided: %s', async (_, over) => {
  Object.assign(graph, over)
  const user = newAccount()
  await isRefused(user, 'ERR_SLACK_DIRECTORY')
  expect(await matchesOf(user)).toEqual([])
})

test.each<[string, object]>([
  ['a guest of the workspace', { is_restricted: true }],
  ['a bot', { is_bot: true }],
  ['a closed account', { deleted: true }],
  ['a stranger', { is_stranger: true }],
  ['another workspace', { team_id: 'T0OTHER' }],
])('refused before anybody is asked: %s', async (_, over) => {
  await isRefused(newAccount(over), 'ERR_SLACK_ACCOUNT')
  expect(graph.asked).toEqual([])
})

describe('who is known otherwise', () => {
  test('whom the map names is that person, whatever the address says', async () => {
    made.slack.users.set('U0ANN', { is_email_confirmed: true, profile: { email: ADDRESS } })
    await approve('U0ANN')
    await isApprovedBy(PEOPLE.U0ANN)
    expect(graph.asked).toEqual([])
  })

  test.each<[string, string, string | undefined]>([
    ['a link goes before the address', DEMO_IDS.tenant, PEOPLE.U0ANN],
    ['so does one to a person of another directory, who decides nothing here', 'other-tenant', undefined],
  ])('%s', async (_, tenant, expected) => {
    const user = newAccount()
    const account = { realm: IDS.team, user, name: undefined }
    const subject = PEOPLE.U0ANN
    const person = { person: joinKey('entra', tenant, subject), provider: 'entra', subject, name: undefined }
    const store = openSqliteStore(made.gate.storePath)
    await store.saveOffer({ account, key: user, expiresAt: Date.now() + 60_000, claim: undefined })
    expect(await store.saveLink({ account, person, linkedAt: Date.now() }, user)).toBe(true)
    await store.close()
    if (expected === undefined) await isRefused(user, 'ERR_SLACK_UNLINKED')
    else {
      await approve(user)
      await isApprovedBy(expected)
    }
    expect(graph.asked).toEqual([])
  })
})
