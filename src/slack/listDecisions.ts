import type { Approval } from '../approvals/approval.ts'
import type { Reviewer } from '../approvals/membership.ts'
import { CLOSED_STATES, listForReviewer, OPEN_STATES } from '../approvals/reviewDesk.ts'
import type { Message } from './slackApi.ts'
import { type SlackDesk, say } from './slackDesk.ts'
import { oneLine, textBlock } from './untrustedText.ts'

/** Slack shows 50 blocks; nobody reads so many. */
const MOST_LISTED = 20

/** `/countersign decisions`: the latest votes of this person, on whatever surface, in requests that they still may see. */
export async function listDecisions(reviewer: Reviewer, desk: SlackDesk): Promise<Message> {
  const { approvals } = await listForReviewer(reviewer, [...OPEN_STATES, ...CLOSED_STATES], desk)
  const votes = approvals
    .flatMap((approval) => approval.votes.map((vote) => ({ approval, vote })))
    .filter(({ vote }) => vote.person === reviewer.person)
    .sort((a, b) => b.vote.at - a.vote.at)
  if (votes.length === 0) return say('You have decided nothing lately.')
  const lines = votes.slice(0, MOST_LISTED).map(({ approval, vote }) => {
    const at = new Date(vote.at).toISOString()
    const did = vote.verdict === 'approve' ? 'approved' : 'denied'
    return oneLine(`${at} · ${did} · ${whatOf(approval)} · now ${approval.state} · ${approval.id}`, 300).text
  })
  const title = lines.length === 1 ? 'Your latest decision' : `Your ${lines.length} latest decisions`
  return { text: title, blocks: [`${title}:`, ...lines].map(textBlock) }
}

function whatOf({ tool, connection, caller }: Approval): string {
  return `${tool} on ${connection} for ${caller.name ?? caller.subject}`
}
