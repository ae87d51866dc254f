import * as z from 'zod'
import { GateError } from '../errors.ts'
import { CALLBACKS, EDIT, NOTE, READ, REASON } from './drawModals.ts'
import { ACTIONS } from './drawRequest.ts'
import { type Reference, readReference } from './reference.ts'
import { OPEN_LINK } from './requestText.ts'

/** What Slack delivers, as far as it is looked at. Everything in it is a claim until it was compared. */
export interface Click extends Origin {
  readonly kind: 'click'
  readonly action: keyof typeof ACTIONS
  readonly reference: Reference
  readonly channel: string
  readonly trigger: string
}

export interface Submission extends Origin {
  readonly kind: 'submission'
  readonly form: keyof typeof CALLBACKS
  readonly reference: Reference
  /** The text of the deny form, or why somebody changes a request; '' in the other one. */
  readonly reason: string
  /** What stands in the editors of a change, by their place. */
  readonly edits: ReadonlyMap<number, string>
  readonly hasRead: boolean
}

export interface Command extends Origin {
  readonly kind: 'command'
  readonly text: string
}

/** Where it says it comes from. */
export interface Origin {
  readonly app: string
  readonly team: string
  readonly enterprise: string | undefined
  readonly user: string
}

const id = z.string().min(1).max(100)
const origin = {
  api_app_id: id,
  team: z.looseObject({ id }).nullish(),
  enterprise: z.looseObject({ id }).nullish(),
  user: z.looseObject({ id }),
}

const clickBody = z.looseObject({
  ...origin,
  type: z.literal('block_actions'),
  trigger_id: z.string().min(1).max(500),
  container: z.looseObject({ type: z.literal('message') }),
  channel: z.looseObject({ id }),
  actions: z
    .array(z.looseObject({ type: z.literal('button'), action_id: id, block_id: id, value: z.string().max(200) }))
    .length(1),
})

const fieldValue = z.looseObject({
  value: z.string().max(4_000).nullish(),
  selected_options: z.array(z.looseObject({ value: z.string().max(100) })).nullish(),
})

const submissionBody = z.looseObject({
  ...origin,
  type: z.literal('view_submission'),
  view: z.looseObject({
    callback_id: id,
    private_metadata: z.string().max(200),
    state: z.looseObject({ values: z.record(z.string(), z.record(z.string(), fieldValue)) }),
  }),
})

const commandBody = z.looseObject({
  api_app_id: id,
  team_id: id,
  enterprise_id: id.nullish(),
  user_id: id,
  text: z.string().max(200).default(''),
})

/** The button that only opens a page in the browser. Slack tells us of it all the same. */
export function isLinkClick(body: unknown): boolean {
  const parsed = z.looseObject({ actions: z.array(z.looseObject({ action_id: z.literal(OPEN_LINK) })).length(1) })
  return parsed.safeParse(body).success
}

/** A button under a message of ours. Throws ERR_SLACK_CLICK for anything that no message of ours could cause. */
export function readClick(body: unknown): Click {
  const parsed = clickBody.safeParse(body)
  const [button] = parsed.data?.actions ?? []
  if (!parsed.success || button === undefined) throw new GateError('ERR_SLACK_CLICK')
  const action = keyOf(ACTIONS, button.action_id)
  const reference = readReference(button.value)
  if (action === undefined || reference === undefined) throw new GateError('ERR_SLACK_CLICK')
  if (button.block_id !== `countersign_${reference.approvalId}`) throw new GateError('ERR_SLACK_CLICK')
  const { channel, trigger_id } = parsed.data
  return { kind: 'click', action, reference, channel: channel.id, trigger: trigger_id, ...originOf(parsed.data) }
}

/** A form of ours that was sent. Throws ERR_SLACK_CLICK. */
export function readSubmission(body: unknown): Submission {
  const parsed = submissionBody.safeParse(body)
  if (!parsed.success) throw new GateError('ERR_SLACK_CLICK')
  const { view } = parsed.data
  const form = keyOf(CALLBACKS, view.callback_id)
  const reference = readReference(view.private_metadata)
  if (form === undefined || reference === undefined) throw new GateError('ERR_SLACK_CLICK')
  const field = (block: string, action: string) => {
    const inBlock = Object.hasOwn(view.state.values, block) ? view.state.values[block] : undefined
    return inBlock !== undefined && Object.hasOwn(inBlock, action) ? inBlock[action] : undefined
  }
  const options = field(READ.block, READ.action)?.selected_options ?? []
  return {
    ...{ kind: 'submission', form, reference },
    reason: (field(REASON.block, REASON.action) ?? field(NOTE.block, NOTE.action))?.value?.trim() ?? '',
    edits: editsIn(view.state.values),
    hasRead: options.some(({ value }) => value === READ.value),
    ...originOf(parsed.data),
  }
}

function editsIn(values: z.infer<typeof submissionBody>['view']['state']['values']): ReadonlyMap<number, string> {
  const edits = new Map<number, string>()
  for (const [block, actions] of Object.entries(values)) {
    const place = block.startsWith(EDIT.block) ? block.slice(EDIT.block.length) : ''
    if (!/^\d$/.test(place) || !Object.hasOwn(actions, EDIT.action)) continue
    edits.set(Number(place), actions[EDIT.action]?.value ?? '')
  }
  return edits
}

/** `/countersign ...`. Throws ERR_SLACK_CLICK. */
export function readCommand(body: unknown): Command {
  const parsed = commandBody.safeParse(body)
  if (!parsed.success) throw new GateError('ERR_SLACK_CLICK')
  const { api_app_id, team_id, enterprise_id, user_id, text } = parsed.data
  const from = { app: api_app_id, team: team_id, enterprise: enterprise_id ?? undefined, user: user_id }
  return { kind: 'command', text: text.trim().toLowerCase(), ...from }
}

const senderBody = z.looseObject({
  user: z.looseObject({ id }).optional().catch(undefined),
  team: z.looseObject({ id }).nullish().catch(undefined),
  actions: z
    .array(z.looseObject({ value: z.unknown().optional() }))
    .optional()
    .catch(undefined),
})

/** As much as can be said about who sent something, also when it made no sense. */
export function senderOf(body: unknown): Partial<Pick<Origin, 'team' | 'user'>> & { approvalId?: string } {
  const { data } = senderBody.safeParse(body)
  const reference = readReference(data?.actions?.[0]?.value)
  return {
    ...(data?.user && { user: data.user.id }),
    ...(data?.team && { team: data.team.id }),
    ...(reference && { approvalId: reference.approvalId }),
  }
}

function originOf({ api_app_id, team, enterprise, user }: z.infer<z.ZodObject<typeof origin>>): Origin {
  // Installed for a whole organisation, Slack names no workspace.
  const home = team?.id ?? enterprise?.id ?? ''
  return { app: api_app_id, team: home, enterprise: enterprise?.id, user: user.id }
}

function keyOf<Key extends string>(table: Readonly<Record<Key, string>>, value: string): Key | undefined {
  return (Object.keys(table) as Key[]).find((key) => table[key] === value)
}
