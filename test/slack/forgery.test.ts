import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import {
  clickOn,
  deliverSigned,
  HAS_READ,
  IDS,
  type PostedMessage,
  reasonGiven,
  type SignOptions,
  signedRequest,
  submissionOf,
} from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = 'forged' WHERE id = 1"

let made: SlackGate
let id: string
let message: PostedMessage
beforeAll(async () => {
  made = await startSlackGate({ mode: 'http' })
  const { users } = made.slack
  users.set('U0GUEST', { is_restricted: true })
  users.set('U0SINGLE', { is_ultra_restricted: true })
  users.set('U0BOTUSER', { is_bot: true })
  users.set('U0GONE', { deleted: true })
  users.set('U0STRANGER', { is_stranger: true, team_id: 'T0OTHER' })
  users.set('U0CONNECT', { team_id: 'T0OTHER' })
  users.set('U0UNLINKED', {})
})
afterAll(() => made?.stop())

/** Every forged delivery is tried on a request of its own, which must then still be pending and still be approvable. */
beforeEach(async () => {
  id = await made.request(UPDATE)
  message = await made.messageOf(id)
})

const stateOf = async (approval: string) => (await made.gate.reviewer({ oid: PEOPLE.U0BEN }).show(approval)).state
const refusalsOf = async (approval: string) =>
  (await made.gate.readTrail()).filter(
    ({ event, approval: of }) => event === 'approval.vote_refused' && of === approval,
  )
const send = (payload: unknown, options?: SignOptions) => deliverSigned(made.gate.url, payload, options)
const approve = (over: Parameters<typeof clickOn>[2] = {}) => clickOn(message, 'countersign_approve', over)

async function stillPendingAndUntouched() {
  expect(await stateOf(id)).toBe('pending')
  expect(await made.gate.admin("SELECT count(*) AS n FROM jobs WHERE kind = 'forged'")).toEqual([{ n: '0' }])
}

describe('a request that Slack did not sign just now', () => {
  test.each<[string, SignOptions]>([
    ['a wrong secret', { secret: 'something else' }],
    ['no signature', { headers: { 'x-slack-signature': '' } }],
    ['no timestamp', { headers: { 'x-slack-request-timestamp': '' } }],
    ['a signature of another version', { headers: { 'x-slack-signature': `v1=${'0'.repeat(64)}` } }],
    ['an old timestamp', { skew: -301 }],
    ['a timestamp of the future', { skew: 330 }],
    ['a timestamp that is no number', { headers: { 'x-slack-request-timestamp': '1e9' } }],
    [
      'a changed body',
      { body: (raw) => raw.replace('countersign_review', 'countersign_approve').replace('U0ANN', 'U0BEN') },
    ],
    ['an unsigned ssl_check in front', { secret: 'x', body: (raw) => `ssl_check=1&${raw}` }],
  ])('%s', async (_, options) => {
    expect(await send(approve(), options)).toBe(401)
    await stillPendingAndUntouched()
  })

  test('is counted by address and code', async () => {
    await send(approve(), { secret: 'x' })
    const counted = await eventually(async () =>
      (await made.gate.readTrail()).find(
        ({ event, refusals }) =>
          event === 'refusals.aggregated' && JSON.stringify(refusals).includes('ERR_SLACK_SIGNATURE'),
      ),
    )
    expect(JSON.stringify(counted)).toContain('127.0.0.1')
  })

  test('a replay is refused, also when the first delivery decided nothing', async () => {
    const request = signedRequest(approve({ user: 'U0EVE' }))
    const url = new URL('/slack/events', made.gate.url)
    expect((await fetch(url, request)).status).toBe(200)
    expect((await fetch(url, request)).status).toBe(401)
    await eventually(async () => (await refusalsOf(id)).length === 1)
    await stillPendingAndUntouched()
  })
})

describe('a signed delivery that does not fit', () => {
  const other = () => clickOn(message, 'countersign_approve')
  const value = (change: (text: string) => string) => () => {
    const click = other()
    click.actions[0].value = change(click.actions[0].value)
    return click
  }
  const action = (over: Record<string, unknown>) => () => {
    const click = other()
    Object.assign(click.actions[0], over)
    return click
  }
  test.each<[string, () => unknown, string]>([
    ['another workspace', () => approve({ team: 'T0OTHER' }), 'ERR_SLACK_CLICK'],
    ['another app', () => approve({ app: 'A0OTHER' }), 'ERR_SLACK_CLICK'],
    ['another channel', () => approve({ channel: { id: 'C0OTHER' } }), 'ERR_SLACK_CLICK'],
    ['no channel', () => approve({ channel: undefined }), 'ERR_SLACK_CLICK'],
    ['from a modal', () => approve({ container: { type: 'view' } }), 'ERR_SLACK_CLICK'],
    ['an unknown action', action({ action_id: 'countersign_approve ' }), 'ERR_SLACK_CLICK'],
    ['an action of upper case', action({ action_id: 'COUNTERSIGN_APPROVE' }), 'ERR_SLACK_CLICK'],
    ['another block', action({ block_id: 'countersign_x' }), 'ERR_SLACK_CLICK'],
    ['no button', action({ type: 'static_select' }), 'ERR_SLACK_CLICK'],
    [
      'another digest',
      value((text) => text.replace(/"d":"./, '"d":"0').replace(/.{8}"}$/, '00000000"}')),
      'ERR_VOTE_DIGEST',
    ],
    ['somebody in no reviewer set', () => approve({ user: 'U0EVE' }), 'ERR_VOTE_NOT_REVIEWER'],
    ['a guest', () => approve({ user: 'U0GUEST' }), 'ERR_SLACK_ACCOUNT'],
    ['a single-channel guest', () => approve({ user: 'U0SINGLE' }), 'ERR_SLACK_ACCOUNT'],
    ['a bot', () => approve({ user: 'U0BOTUSER' }), 'ERR_SLACK_ACCOUNT'],
    ['a deactivated account', () => approve({ user: 'U0GONE' }), 'ERR_SLACK_ACCOUNT'],
    ['a stranger of a shared channel', () => approve({ user: 'U0STRANGER' }), 'ERR_SLACK_ACCOUNT'],
    ['a member of another workspace', () => approve({ user: 'U0CONNECT' }), 'ERR_SLACK_ACCOUNT'],
    ['an account that does not exist', () => approve({ user: 'U0NOBODY' }), 'ERR_SLACK_ACCOUNT'],
    ['a member without a link', () => approve({ user: 'U0UNLINKED' }), 'ERR_SLACK_UNLINKED'],
    ['an owner of the agent', () => approve({ user: 'U0OWN' }), 'ERR_VOTE_OWNER'],
    ['a review form nobody ticked', () => submissionOf(formOf('countersign_review_form'), {}), 'ERR_SLACK_UNREAD'],
    [
      'a form of another workspace',
      () => submissionOf(formOf('countersign_review_form'), HAS_READ, { team: 'T0OTHER' }),
      'ERR_SLACK_CLICK',
    ],
    [
      'a form of another app',
      () => submissionOf(formOf('countersign_review_form'), HAS_READ, { app: 'A0OTHER' }),
      'ERR_SLACK_CLICK',
    ],
    [
      'a form from a guest',
      () => submissionOf(formOf('countersign_deny_form'), reasonGiven('no'), { user: 'U0GUEST' }),
      'ERR_SLACK_ACCOUNT',
    ],
  ])('%s', async (_, payload, code) => {
    expect(await send(payload())).toBe(200)
    const [refused] = await eventually(async () => {
      const found = await refusalsOf(id)
      return found.length > 0 && found
    })
    expect(refused).toMatchObject({ via: 'slack', code })
    await stillPendingAndUntouched()
  })

  test.each<[string, () => unknown]>([
    ['a value of somebody else', value(() => '{"id":"apr_1","d":"0"}')],
    ['no value', action({ value: undefined })],
    ['two actions', () => ({ ...other(), actions: [...other().actions, ...other().actions] })],
    ['an id that names nothing', value((text) => text.replace(/apr_.{26}/, 'apr_00000000000000000000000000'))],
    ['a form of somebody else', () => submissionOf({ ...formOf('theirs') }, HAS_READ)],
    [
      'a form without an id',
      () => submissionOf({ ...formOf('countersign_review_form'), private_metadata: '' }, HAS_READ),
    ],
  ])('%s', async (_, payload) => {
    const before = made.slack.whispers.length
    expect(await send(payload())).toBe(200)
    await eventually(() => made.slack.whispers.length > before)
    expect(JSON.stringify(made.slack.whispers.at(-1))).toContain('does not come from the message')
    await stillPendingAndUntouched()
  })

  const formOf = (callback_id: string) => ({
    ...{ type: 'modal', callback_id, blocks: [] },
    private_metadata: message.blocks.find(({ type }) => type === 'actions')?.elements[0].value,
  })

  test('the person for whom the agent acts does not approve for it', async () => {
    const token = await made.gate.mint('agent-on-behalf-of-user', {
      claims: { oid: PEOPLE.U0OBO, groups: [DEMO_IDS.agentsGroup], roles: undefined },
    })
    const answer = await made.gate.sql(`${UPDATE} /* obo */`, {}, { token })
    const own = await made.messageOf(answer.approval_id ?? '')
    expect(await send(clickOn(own, 'countersign_approve', { user: 'U0OBO' }))).toBe(200)
    const [refused] = await eventually(async () => {
      const found = await refusalsOf(answer.approval_id ?? '')
      return found.length > 0 && found
    })
    expect(refused).toMatchObject({ code: 'ERR_VOTE_OWN_CALL', by: { oid: PEOPLE.U0OBO } })
    expect(await stateOf(answer.approval_id ?? '')).toBe('pending')
  })

  test('somebody stopped by the kill switch does not vote', async () => {
    const undo = await made.revoke(PEOPLE.U0ANN)
    try {
      expect(await send(approve())).toBe(200)
      await eventually(async () => (await refusalsOf(id)).some(({ code }) => code === 'ERR_REVOKED'))
      await stillPendingAndUntouched()
    } finally {
      await undo()
    }
  })

  test('when Slack cannot say whose account it is, nothing is decided', async () => {
    made.slack.fail('users.info', 'reset')
    try {
      expect(await send(approve())).toBe(200)
      await eventually(async () => (await refusalsOf(id)).some(({ code }) => code === 'ERR_SLACK_LOOKUP'))
      await stillPendingAndUntouched()
    } finally {
      made.slack.heal()
    }
  })
})

test('membership by a group that nobody can look up is no membership', async () => {
  const byGroup = await startSlackGate({
    ...{ mode: 'http', slack: made.slack, database: made.gate.database },
    config: { approvals: { reviewers: { dba: { groups: ['dba-leads'] } } } },
  })
  try {
    const own = await byGroup.request(UPDATE)
    const click = clickOn(await byGroup.messageOf(own), 'countersign_approve')
    expect(await deliverSigned(byGroup.gate.url, click)).toBe(200)
    const refused = await eventually(async () =>
      (await byGroup.gate.readTrail()).find(({ event }) => event === 'approval.vote_refused'),
    )
    expect(refused).toMatchObject({ code: 'ERR_VOTE_MEMBERSHIP', by: { oid: PEOPLE.U0ANN }, vote: 'approve' })
    expect((await byGroup.gate.reviewer().show(own)).state).toBe('pending')
  } finally {
    await byGroup.stop()
  }
})

test('what is not forged decides, so that every refusal above has its own reason', async () => {
  expect(await send(approve())).toBe(200)
  await eventually(async () => (await stateOf(id)) === 'approved')
  expect(await made.collect(id)).toMatchObject({ status: 'ok' })
  await made.gate.admin("UPDATE jobs SET kind = 'sync' WHERE id = 1")
})

test('a click on the link to the console decides nothing and is no refusal', async () => {
  const before = made.slack.whispers.length
  const click = approve()
  click.actions = [{ type: 'button', action_id: 'countersign_open', block_id: click.actions[0].block_id }]
  expect(await send(click)).toBe(200)
  expect(await send(approve({ user: 'U0EVE' }))).toBe(200)
  await eventually(async () => (await refusalsOf(id)).length === 1)
  expect(made.slack.whispers.length - before).toBeLessThanOrEqual(1)
  await stillPendingAndUntouched()
})

test('Slack learns the address with a signed challenge, and nothing else is served there', async () => {
  const url = new URL('/slack/events', made.gate.url)
  const body = JSON.stringify({ type: 'url_verification', challenge: 'c-1', token: 'x' })
  const signed = signedRequest({}, {})
  expect((await fetch(url, { ...signed, body })).status).toBe(401)
  expect((await fetch(url)).status).toBe(405)
  expect(
    await send({
      type: 'shortcut',
      callback_id: 'x',
      user: { id: 'U0ANN' },
      api_app_id: IDS.app,
      team: { id: IDS.team },
    }),
  ).toBe(404)
  expect(made.slack.lint).toEqual([])
})
