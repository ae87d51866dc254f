import { setTimeout as sleep } from 'node:timers/promises'
import type { ReviewView } from '../approvals/review.ts'
import { CommandStop, type ExitCode } from './commandStop.ts'
import { type LoginProvider, logInByDevice } from './deviceLogin.ts'
import { drawApproval, drawApprovalTable } from './drawApproval.ts'
import { removeLogin, saveLogin } from './loginFile.ts'
import { type ApprovalsOptions, asJson, ask, gatewayOf, type Output, run } from './reviewerApi.ts'

/** `countersign approvals list`. */
export async function listApprovals(
  options: ApprovalsOptions & { readonly all: boolean },
  io: Output,
): Promise<ExitCode> {
  return run(io, async () => {
    const answer = await ask<{ approvals: ReviewView[]; truncated: boolean }>(
      options,
      'GET',
      options.all ? '?state=all' : '',
    )
    if (answer.truncated) io.err('There are more requests than the gateway lists; the oldest are left out.\n')
    io.out(options.json ? asJson(answer) : drawApprovalTable(answer.approvals, Date.now()))
  })
}

/** `countersign approvals list --watch`: prints each request when it appears and when it changes, until aborted. */
export async function watchApprovals(options: ApprovalsOptions, io: Output, signal: AbortSignal): Promise<ExitCode> {
  return run(io, async () => {
    const seen = new Map<string, string>()
    while (!signal.aborted) {
      const { approvals } = await ask<{ approvals: ReviewView[] }>(options, 'GET', '?state=all')
      for (const view of [...approvals].reverse()) {
        const mark = `${view.state} ${view.votes.length} ${view.escalation?.done === true}`
        const known = seen.get(view.id)
        seen.set(view.id, mark)
        if (known === mark || (known === undefined && view.state !== 'pending')) continue
        if (options.json) io.out(`${JSON.stringify(view)}\n`)
        else io.out(known === undefined ? `${drawApproval(view, Date.now())}\n` : `${view.id}: ${newsOf(view)}\n`)
      }
      await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined)
    }
  })
}

const WATCH_MS = 2_000

function newsOf({ state, escalation, replaced_by }: ReviewView): string {
  if (replaced_by !== null) return `${state}, ${replaced_by.id} took its place`
  return state === 'pending' && escalation?.done === true
    ? `${state}, escalated to ${escalation.to.join(' and ')}`
    : state
}

/** `countersign approvals show ID`. */
export async function showApproval(id: string, options: ApprovalsOptions, io: Output): Promise<ExitCode> {
  return run(io, async () => {
    const answer = await ask<{ approval: ReviewView }>(options, 'GET', `/${encodeURIComponent(id)}`)
    io.out(options.json ? asJson(answer) : drawApproval(answer.approval, Date.now()))
  })
}

interface LoginOptions {
  readonly url: string
  readonly loginFile: string
}

/**
 * `countersign approvals login`: a token of the reviewer app through the device authorization grant, kept for this
 * gateway once it has accepted it.
 */
export async function logIn(
  options: LoginOptions & { readonly provider: () => LoginProvider },
  io: Output,
  interrupted: AbortSignal,
): Promise<ExitCode> {
  return run(io, async () => {
    const { origin } = gatewayOf(options)
    const show = ({ url, code }: { url: string; code: string }) =>
      io.out(`Open ${url} and enter the code ${code}\nEnter it only if you started this login yourself. Waiting...\n`)
    const { token, expiresAt } = await logInByDevice(options.provider(), show, interrupted)
    await ask({ url: options.url, token, json: false }, 'GET', '')
    await saveLogin(options.loginFile, origin, token, expiresAt)
    io.out(`Logged in to ${origin} until ${new Date(expiresAt).toISOString()}.\n`)
  })
}

/** `countersign approvals logout`: forgets the token. It stays valid at the provider until it expires. */
export async function logOut(options: LoginOptions, io: Output): Promise<ExitCode> {
  return run(io, async () => {
    const { origin } = gatewayOf(options)
    const found = await removeLogin(options.loginFile, origin)
    io.out(found ? `Logged out of ${origin}.\n` : `There was no login to ${origin}.\n`)
  })
}

export interface VoteOptions extends ApprovalsOptions {
  readonly reason: string | undefined
  /** The digest that `show` printed, or its beginning. Needed where the request hides something or could deceive. */
  readonly digest: string | undefined
}

/** `countersign approvals approve ID`. */
export async function approveApproval(id: string, options: VoteOptions, io: Output): Promise<ExitCode> {
  return vote(id, 'approve', options, io)
}

/** `countersign approvals deny ID --reason TEXT`. */
export async function denyApproval(id: string, options: VoteOptions, io: Output): Promise<ExitCode> {
  return vote(id, 'deny', options, io)
}

async function vote(id: string, verb: 'approve' | 'deny', options: VoteOptions, io: Output): Promise<ExitCode> {
  return run(io, async () => {
    if (verb === 'deny' && (options.reason ?? '').trim() === '') {
      throw new CommandStop(2, 'A denial needs --reason: one sentence that tells the agent what would have to differ.')
    }
    const path = `/${encodeURIComponent(id)}`
    const { approval } = await ask<{ approval: ReviewView }>(options, 'GET', path)
    if (!options.json) io.out(`${drawApproval(approval, Date.now())}\n`)
    if (verb === 'approve') requireSeen(approval, options.digest)
    const body = { digest: approval.digest, ...(options.reason !== undefined && { reason: options.reason }) }
    const answer = await ask<{ approval: ReviewView; repeated: boolean }>(options, 'POST', `${path}/${verb}`, body)
    io.out(options.json ? asJson(answer) : `${sentenceFor(answer.approval, answer.repeated)}\n`)
  })
}

/** Approving binds to what was read. Where reading it matters most, the digest proves that `show` came first. */
export function requireSeen(approval: ReviewView, digest: string | undefined): void {
  if (digest === undefined) {
    if (approval.one_click) return
    throw new CommandStop(
      2,
      'Part of this request is hidden, or its text could deceive. Read it with `show`, then approve with --digest and the digest printed there.',
    )
  }
  const wanted = digest.replace(/^hmac-sha256:/, '')
  if (wanted.length >= SHORTEST_DIGEST && approval.digest.startsWith(`hmac-sha256:${wanted}`)) return
  throw new CommandStop(1, 'The digest is not that of this request. Read it again with `show`.')
}

/** Hexadecimal digits. Shorter could be met by chance. */
const SHORTEST_DIGEST = 12

function sentenceFor(view: ReviewView, repeated: boolean): string {
  const left = view.needs.filter((need) => need.approved < need.at_least)
  const open = left.map((need) => `${need.at_least - need.approved} more from ${need.reviewers}`).join(', ')
  const state = view.state === 'pending' ? `pending: needs ${open}` : view.state
  return `${repeated ? 'Your vote was counted before. ' : ''}${view.id} is ${state}.`
}
