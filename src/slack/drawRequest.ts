import type { LinkTo } from '../approvals/notifier.ts'
import type { ReviewView } from '../approvals/review.ts'
import { type ApprovablePlace, approvablePlace, layOut } from './layOut.ts'
import { buttonValue } from './reference.ts'
import { elsewhere, footer, linkButton, TITLES, warningBlocks } from './requestText.ts'
import type { Block, Message } from './slackApi.ts'
import { oneLine, plainText, textBlock } from './untrustedText.ts'

/** Ids of our buttons: exactly these are answered. */
export const ACTIONS = {
  approve: 'countersign_approve',
  deny: 'countersign_deny',
  review: 'countersign_review',
  modify: 'countersign_modify',
} as const

/** The message of a request, in whichever state it is. The same record gives the same message. */
export function drawRequest(view: ReviewView, linkTo: LinkTo): Message {
  const { title, complete, blocks } = layOut(view)
  const isPending = view.state === 'pending'
  const place = approvablePlace(view, complete)
  return {
    text: `${TITLES[view.state]}: ${view.id}`,
    blocks: [
      header(title),
      ...warningBlocks(view),
      ...blocks,
      ...(complete || !isPending ? [] : [textBlock(NOT_ALL[place])]),
      ...(isPending ? [] : outcomeBlocks(view)),
      footer(view),
      ...(isPending ? [buttons(view, place, linkTo)] : []),
    ],
  }
}

/** Stands for a request that Slack would not take as it is. */
export function drawUnshown(view: ReviewView, linkTo: LinkTo): Message {
  const link = linkTo(view.id)
  return {
    text: `${TITLES[view.state]}: ${view.id}`,
    blocks: [
      header(TITLES[view.state]),
      textBlock(`Slack could not show this request. It waits for reviewers all the same: ${elsewhere(view.id)}`),
      footer(view),
      ...(link === undefined || view.state !== 'pending' ? [] : [{ type: 'actions', elements: [linkButton(link)] }]),
    ],
  }
}

const NOT_ALL: Readonly<Record<ApprovablePlace, string>> = {
  message: '',
  modal: 'NOT EVERYTHING IS SHOWN HERE. Open the full text before you decide.',
  elsewhere: 'NOT EVERYTHING IS SHOWN HERE, and it is too long for Slack.',
}

const MOST_VOTES = 5

function outcomeBlocks({ votes }: ReviewView): readonly Block[] {
  return votes.slice(-MOST_VOTES).map(({ verdict, by, via, at, reason }) => {
    const said = `${verdict === 'approve' ? 'Approved' : 'Denied'} by ${oneLine(by, 100).text} via ${via} at ${at}`
    return textBlock(reason === null ? said : `${said}: ${oneLine(reason, 200).text}`)
  })
}

function header(text: string): Block {
  return { type: 'header', text: plainText(text) }
}

function buttons(view: ReviewView, place: ApprovablePlace, linkTo: LinkTo): Block {
  const value = buttonValue(view)
  const button = (action_id: string, text: string, style?: 'primary' | 'danger') => ({
    ...{ type: 'button', action_id, value, text: plainText(text) },
    ...(style !== undefined && { style }),
  })
  const confirm = {
    title: plainText('Approve this request?'),
    text: plainText(
      `${oneLine(`${view.what.tool} on ${view.where.connection}`, 200).text}: exactly what is shown, once.`,
    ),
    confirm: plainText('Approve'),
    deny: plainText('Back'),
  }
  const link = linkTo(view.id)
  const first = {
    message: [
      { ...button(ACTIONS.approve, 'Approve', 'primary'), confirm },
      button(ACTIONS.review, 'Review full text…'),
    ],
    modal: [button(ACTIONS.review, 'Review full text…', 'primary')],
    elsewhere: [],
  }[place]
  const elements = [
    ...first,
    button(ACTIONS.deny, 'Deny…', 'danger'),
    ...(view.editable.length === 0 ? [] : [button(ACTIONS.modify, 'Change…')]),
    ...(link === undefined ? [] : [linkButton(link)]),
  ]
  return { type: 'actions', block_id: `countersign_${view.id}`, elements }
}
