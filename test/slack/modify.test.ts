import { afterAll, beforeAll, expect, test } from 'vitest'
import { lintBlocks, lintModal } from './lintBlocks.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, HAS_READ, type PostedMessage, submissionOf } from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = 'all' WHERE id <= 30"
const FEWER = "UPDATE jobs SET kind = 'few' WHERE id <= 3"
const CANARY = 'canary-8841@shop.example'

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate()
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(() => made?.stop())

const show = (id: string) => made.gate.reviewer({ oid: PEOPLE.U0BEN }).show(id)
const whisperTo = (user: string, text: string) =>
  eventually(() => made.slack.whispers.find((one) => one.user === user && JSON.stringify(one.blocks).includes(text)))
const refusalsOf = async (id: string) =>
  (await made.gate.readTrail())
    .filter(({ event, approval }) => event === 'approval.vote_refused' && approval === id)
    .map(({ code, vote, via }) => [code, vote, via])

type Form = Parameters<typeof submissionOf>[0]
const written = (texts: readonly string[], note?: string) => ({
  ...Object.fromEntries(
    texts.map((value, index) => [
      `countersign_edit_${index}`,
      { countersign_edit_text: { type: 'plain_text_input', value } },
    ]),
  ),
  ...(note !== undefined && { countersign_note: { countersign_note_text: { type: 'plain_text_input', value: note } } }),
})

/** The window that opens for a click on Change. */
async function openForm(message: PostedMessage, user = 'U0ANN'): Promise<Form> {
  made.slack.modals.clear()
  await made.slack.deliver(clickOn(message, 'countersign_modify', { user }))
  return await eventually(() =>
    [...made.slack.modals.values()].find((one) => one.callback_id === 'countersign_modify_form'),
  )
}

async function asked(sql = UPDATE, args = {}) {
  const id = await made.request(sql, args)
  return { id, message: await made.messageOf(id) }
}

async function changed(message: PostedMessage, id: string, texts: readonly string[], user = 'U0ANN', note?: string) {
  const form = await openForm(message, user)
  await made.slack.deliver(submissionOf(form, written(texts, note), { user }))
  return await eventually(async () => (await show(id)).replaced_by?.id)
}

test('a change in Slack: another message with the difference, another person approves it, the agent is told', async () => {
  const { id, message } = await asked()
  const form = await openForm(message)
  expect(lintModal(form)).toEqual([])
  expect(JSON.stringify(form)).toContain(UPDATE)
  await made.slack.deliver(submissionOf(form, written([FEWER], 'Three will do.'), { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'Somebody else has to approve it')
  const child = (await show(id)).replaced_by?.id ?? ''
  await eventually(() => message.text.startsWith('Changed by a reviewer'))
  expect(message.blocks.some(({ type }) => type === 'actions')).toBe(false)
  await eventually(() => made.slack.threadOf(message).join().includes(child))

  const next = await made.messageOf(child)
  expect(lintBlocks(next.blocks)).toEqual([])
  const text = JSON.stringify(next.blocks)
  for (const part of [`+ ${FEWER}`, `- ${UPDATE}`, 'Three will do.', id]) expect(text).toContain(part)

  await made.slack.deliver(clickOn(next, 'countersign_approve', { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'Nobody approves what they wrote themselves')
  // Her second account is the same person.
  await made.slack.deliver(clickOn(next, 'countersign_approve', { user: 'U0ANN2' }))
  await whisperTo('U0ANN2', 'Nobody approves what they wrote themselves')
  expect(await show(child)).toMatchObject({ state: 'pending', votes: [] })
  await made.slack.deliver(clickOn(next, 'countersign_approve', { user: 'U0BEN' }))
  await eventually(async () => (await show(child)).state === 'approved')
  expect(await made.collect(id)).toMatchObject({
    status: 'ok',
    approval_id: child,
    details: { changed: { note: 'Three will do.' } },
  })
  expect(await made.gate.admin("SELECT count(*) FROM jobs WHERE kind = 'few'")).toEqual([{ count: '3' }])
  expect(await made.gate.admin("SELECT count(*) FROM jobs WHERE kind = 'all'")).toEqual([{ count: '0' }])
})

test('who wrote it does not approve it through the window for the full text either, nor at the API', async () => {
  const { id, message } = await asked()
  const child = await changed(message, id, [FEWER])
  const next = await made.messageOf(child)
  made.slack.modals.clear()
  await made.slack.deliver(clickOn(next, 'countersign_review', { user: 'U0ANN' }))
  const form = await eventually(() =>
    [...made.slack.modals.values()].find((one) => one.callback_id === 'countersign_review_form'),
  )
  await made.slack.deliver(submissionOf(form, HAS_READ, { user: 'U0ANN' }))
  await eventually(async () => (await refusalsOf(child)).length === 1)
  const ann = made.gate.reviewer({ oid: PEOPLE.U0ANN })
  const { digest } = await ann.show(child)
  expect((await ann.ask(`/${child}/approve`, { method: 'POST', body: { digest } })).body).toMatchObject({
    error: { code: 'ERR_VOTE_AUTHOR' },
  })
  expect(await refusalsOf(child)).toEqual([
    ['ERR_VOTE_AUTHOR', 'approve', 'slack'],
    ['ERR_VOTE_AUTHOR', 'approve', 'api'],
  ])
  expect((await show(child)).state).toBe('pending')
})

test('what is hidden is not in the window: it is written anew or stays as it is', async () => {
  const { id, message } = await asked(`UPDATE users SET plan = 'x' WHERE email = '${CANARY}'`)
  const form = await openForm(message)
  expect(JSON.stringify(form)).not.toContain(CANARY)
  expect(JSON.stringify(form)).not.toContain('initial_value')
  await made.slack.deliver(submissionOf(form, written(['']), { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'can only be replaced whole')
  await made.slack.deliver(
    submissionOf(form, written(["UPDATE users SET plan = 'x' WHERE email = '[masked:y]'"]), { user: 'U0ANN' }),
  )
  await eventually(async () => (await refusalsOf(id)).some(([code]) => code === 'ERR_PLACEHOLDER'))
  expect((await show(id)).state).toBe('pending')
  const child = await changed(message, id, ["UPDATE users SET plan = 'x' WHERE id = 9"])
  await made.messageOf(child)
  await eventually(() => message.text.startsWith('Changed'))
  const everything = [
    made.slack.requests(),
    made.slack.whispers,
    [...made.slack.modals.values()],
    made.slack.threadOf(message),
  ]
  expect(JSON.stringify(everything)).not.toContain(CANARY)
})

test.each<[string, string, (form: Form) => readonly [Form, Record<string, unknown>, string], string]>([
  [
    'another request in the window',
    'U0ANN',
    (form) => [
      { ...form, private_metadata: form.private_metadata.replace(/apr_.{26}/, `apr_${'0'.repeat(26)}`) },
      written([FEWER]),
      'ERR_SLACK_CLICK',
    ],
    'elsewhere',
  ],
  [
    'another digest in the window',
    'U0ANN',
    (form) => [
      { ...form, private_metadata: form.private_metadata.replace(/"d":".{8}/, '"d":"00000000') },
      written([FEWER]),
      'ERR_VOTE_DIGEST',
    ],
    'here',
  ],
  ['a field that no window of ours has', 'U0ANN', (form) => [form, written([FEWER, 'x']), 'ERR_SLACK_CLICK'], 'here'],
  ['somebody in no reviewer set', 'U0EVE', (form) => [form, written([FEWER]), 'ERR_VOTE_NOT_REVIEWER'], 'here'],
  ['an owner of the agent', 'U0OWN', (form) => [form, written([FEWER]), 'ERR_VOTE_OWNER'], 'here'],
  [
    'an account that nobody is linked to',
    'U0UNLINKED',
    (form) => [form, written([FEWER]), 'ERR_SLACK_UNLINKED'],
    'here',
  ],
  [
    'quotes that a telephone made',
    'U0ANN',
    (form) => [form, written(['UPDATE jobs SET kind = ‘few’']), 'ERR_MODIFY_QUOTES'],
    'here',
  ],
  ['nothing', 'U0ANN', (form) => [form, {}, 'ERR_MODIFY_NOTHING'], 'here'],
])('a forged or useless form, %s: refused, recorded, still pending', async (_what, user, forge, where) => {
  made.slack.users.set('U0UNLINKED', {})
  const { id, message } = await asked()
  const [form, values, code] = forge(await openForm(message))
  await made.slack.deliver(submissionOf(form, values as Parameters<typeof submissionOf>[1], { user }))
  const about = where === 'here' ? id : `apr_${'0'.repeat(26)}`
  await eventually(async () => (await refusalsOf(about)).length === 1)
  expect(await refusalsOf(about)).toEqual([[code, 'modify', 'slack']])
  expect(await show(id)).toMatchObject({ state: 'pending', replaced_by: null })
})

test('the window shows nothing to somebody who may not see the request, and says so', async () => {
  const { id, message } = await asked()
  made.slack.modals.clear()
  await made.slack.deliver(clickOn(message, 'countersign_modify', { user: 'U0EVE' }))
  await eventually(async () => (await refusalsOf(id)).length === 1)
  expect(JSON.stringify([...made.slack.modals.values()])).not.toContain('UPDATE jobs')
})

test('what is too long for a window is changed elsewhere', async () => {
  const { message } = await asked(`UPDATE jobs SET kind = '${'x'.repeat(3_100)}' WHERE id = 1`)
  made.slack.modals.clear()
  await made.slack.deliver(clickOn(message, 'countersign_modify', { user: 'U0ANN' }))
  await eventually(() => JSON.stringify([...made.slack.modals.values()]).includes('too long to be changed in Slack'))
})

test('two people change it at once: one of them does, the other one is told', async () => {
  const { id, message } = await asked()
  const form = await openForm(message)
  await Promise.all([
    made.slack.deliver(submissionOf(form, written([FEWER]), { user: 'U0ANN' })),
    made.slack.deliver(submissionOf(form, written([`${FEWER} `]), { user: 'U0BEN' })),
  ])
  const child = await eventually(async () => (await show(id)).replaced_by?.id)
  await eventually(async () => (await refusalsOf(id)).length === 1)
  expect(await refusalsOf(id)).toEqual([['ERR_VOTE_DECIDED', 'modify', 'slack']])
  expect((await show(child)).state).toBe('pending')
})
