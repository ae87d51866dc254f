import { type Approval, type ApprovalEvent, decidingVote } from '../approvals/approval.ts'
import type { Message } from './slackApi.ts'
import { codeBlock, oneLine, textBlock, visible } from './untrustedText.ts'

/** What an event adds to the thread under its request; undefined when the changed message says it all. */
export function drawNews(event: ApprovalEvent, approval: Approval): Message | undefined {
  switch (event.kind) {
    case 'requested':
    case 'voted':
      return undefined
    case 'decided':
      return decided(event, approval)
    case 'expired':
      return say(
        approval,
        approval.claimBy === undefined
          ? 'Expired without a decision. Nothing ran.'
          : 'Expired: approved, but the agent did not collect it in time. Nothing ran.',
      )
    case 'withdrawn':
      return say(
        approval,
        approval.withdrawnBy === 'policy'
          ? 'Withdrawn: policy asks for more now than it did. Nothing ran.'
          : 'Withdrawn by the agent. Nothing ran.',
      )
    case 'modified':
      return changed(approval)
    case 'escalated':
      return say(approval, `Nobody has decided so far. It moved to ${oneLine(setsOf(approval), 200).text}.`)
    case 'settled':
      return say(approval, outcomeOf(approval))
  }
}

/** How much time is left is what the message shows, in each reader's own clock. */
export function drawReminder({ id, expiresAt }: Approval): Message {
  const at = new Date(expiresAt).toISOString()
  const text = `\`${id}\` still waits for a decision. It expires <!date^${Math.floor(expiresAt / 1000)}^{time}|${at}>.`
  return {
    text: `Still waiting for a decision: ${id}`,
    blocks: [{ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } }],
  }
}

function decided({ vote }: ApprovalEvent, approval: Approval): Message {
  const deciding = vote ?? decidingVote(approval)
  const by = oneLine(deciding?.name ?? deciding?.subject ?? 'a reviewer', 100).text
  if (deciding?.verdict !== 'deny') return say(approval, `Approved by ${by}. The agent may run it once.`)
  const { text, blocks } = say(approval, `Denied by ${by}. Nothing ran.`)
  return deciding.reason === undefined
    ? { text, blocks }
    : { text, blocks: [...blocks, codeBlock(oneLine(visible(deciding.reason), 1_000).text)] }
}

function setsOf({ escalation }: Approval): string {
  return (escalation?.to ?? [])
    .map(({ set, atLeast }) => (atLeast === 1 ? set : `${set} (${atLeast} people)`))
    .join(' and ')
}

function changed(approval: Approval): Message {
  const { replacement } = approval
  const by = oneLine(replacement?.by.name ?? replacement?.by.subject ?? 'a reviewer', 100).text
  const { text, blocks } = say(approval, `Changed by ${by}. Nothing ran. ${replacement?.id ?? ''} takes its place.`)
  return replacement?.note === undefined
    ? { text, blocks }
    : { text, blocks: [...blocks, codeBlock(oneLine(visible(replacement.note), 1_000).text)] }
}

function outcomeOf({ state, failure }: Approval): string {
  if (state === 'executed') return 'Executed, once.'
  if (state === 'failed') return failure === undefined ? 'It failed.' : `It failed: ${failure.code}.`
  return 'It was started, and nobody knows whether it took effect. Look at the target before anything is repeated.'
}

function say({ id }: Approval, text: string): Message {
  return { text: `News about ${id}`, blocks: [textBlock(text)] }
}
