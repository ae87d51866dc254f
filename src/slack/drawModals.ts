import type { LinkTo } from '../approvals/notifier.ts'
import type { ReviewView } from '../approvals/review.ts'
import { fullText } from './layOut.ts'
import { buttonValue } from './reference.ts'
import { elsewhere, footer, linkButton, TITLES } from './requestText.ts'
import type { Block, Modal } from './slackApi.ts'
import { oneLine, plainText, textBlock } from './untrustedText.ts'

/** Ids of our forms and what is in them: exactly these are answered. */
export const CALLBACKS = {
  deny: 'countersign_deny_form',
  review: 'countersign_review_form',
  modify: 'countersign_modify_form',
} as const
export const REASON = { block: 'countersign_reason', action: 'countersign_reason_text', most: 500 } as const
export const READ = { block: 'countersign_read', action: 'countersign_read_all', value: 'read' } as const

export const NOTE = { block: 'countersign_note', action: 'countersign_note_text' } as const
export const EDIT = { block: 'countersign_edit_', action: 'countersign_edit_text' } as const

/** Slack's own bounds. */
const MOST_TYPED = 3_000
const MOST_EDITORS = 10

/**
 * A form for what would run, its fields in the order of `editable`. Undefined when Slack cannot hold all of it: what a
 * form cuts off would be taken for a change.
 */
export function drawModifyForm(view: ReviewView): Modal | undefined {
  const { editable } = view
  const fits = editable.every(({ text }) => (text ?? '').length <= MOST_TYPED)
  if (editable.length === 0 || editable.length > MOST_EDITORS || !fits) return undefined
  const editors = editable.map(({ name, kind, text }, index) => ({
    ...{ type: 'input', block_id: `${EDIT.block}${index}`, optional: text === null },
    label: plainText(oneLine(name, 100).text),
    ...(text === null && {
      hint: plainText('Parts of it are hidden. Left empty it stays; anything else replaces it whole.'),
    }),
    ...(text !== null && kind === 'json' && { hint: plainText('JSON') }),
    element: {
      ...{ type: 'plain_text_input', action_id: EDIT.action, multiline: true, max_length: MOST_TYPED },
      ...(text !== null && text !== '' && { initial_value: text }),
    },
  }))
  const note = { type: 'plain_text_input', action_id: NOTE.action, max_length: REASON.most }
  return {
    ...modal(CALLBACKS.modify, 'Change request', buttonValue(view)),
    submit: plainText('Send'),
    blocks: [
      textBlock('What you write takes the place of this request. Somebody else has to approve it; the agent is told.'),
      textBlock(oneLine(`${view.what.tool} on ${view.where.connection}`, 200).text),
      footer(view),
      ...editors,
      { type: 'input', block_id: NOTE.block, optional: true, element: note, label: plainText('Why') },
    ],
  }
}

/** Everything there is to read, in a modal; approved there when all of it fits. */
export function drawFullText(view: ReviewView, linkTo: LinkTo): Modal {
  const whole = fullText(view)
  const link = linkTo(view.id)
  const isPending = view.state === 'pending'
  const offer = isPending && whole !== undefined
  const tooLong = [
    textBlock(`This request is too long for Slack. ${elsewhere(view.id)}`),
    footer(view),
    ...(link === undefined ? [] : [{ type: 'actions', elements: [linkButton(link)] }]),
  ]
  return {
    ...modal(CALLBACKS.review, 'Review request', buttonValue(view)),
    ...(offer && { submit: plainText('Approve') }),
    blocks: [
      ...(whole ?? tooLong),
      ...(offer ? [confirmation()] : []),
      ...(isPending ? [] : [textBlock(`${TITLES[view.state]}. Nothing is left to decide.`)]),
    ],
  }
}

export function drawDenyForm(view: ReviewView): Modal {
  const element = {
    ...{ type: 'plain_text_input', action_id: REASON.action, multiline: true, min_length: 1, max_length: REASON.most },
    placeholder: plainText('What would have to differ?'),
  }
  return {
    ...modal(CALLBACKS.deny, 'Deny request', buttonValue(view)),
    submit: plainText('Deny'),
    blocks: [
      textBlock(oneLine(`${view.what.tool} on ${view.where.connection}`, 200).text),
      footer(view),
      {
        ...{ type: 'input', block_id: REASON.block, element, label: plainText('Reason') },
        hint: plainText('The agent is told.'),
      },
    ],
  }
}

/** A modal that only says something. */
export function drawNotice(text: string): Modal {
  return { ...modal('countersign_notice', 'Countersign', ''), blocks: [textBlock(oneLine(text, 2_000).text)] }
}

function confirmation(): Block {
  const option = { text: plainText('I have read all of it.'), value: READ.value }
  const element = { type: 'checkboxes', action_id: READ.action, options: [option] }
  return { type: 'input', block_id: READ.block, element, label: plainText('Confirm') }
}

function modal(callback_id: string, title: string, private_metadata: string) {
  return { type: 'modal' as const, callback_id, private_metadata, title: plainText(title), close: plainText('Close') }
}
