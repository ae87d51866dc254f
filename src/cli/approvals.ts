import { setTimeout as sleep } from 'node:timers/promises'
import type { ReviewView } from '../approvals/review.ts'
import { showHidden } from '../approvals/suspiciousText.ts'
import { CommandStop, type ExitCode } from './commandStop.ts'
import { type LoginProvider, logInByDevice } from './deviceLogin.ts'
import { drawApproval, drawApprovalTable } from './drawApproval.ts'
import { readLogin, removeLogin, saveLogin } from './loginFile.ts'

/** Where a command writes. */
export interface Output {
  out(text: string): void
  err(text: string): void
}

export interface ApprovalsOptions {
  /** The gateway: its public URL, or any URL on it. */
  readonly url: string
  /** A token of the reviewer app, from `--token` or COUNTERSIGN_TOKEN. MCP tokens are refused by the gateway. */
  readonly token: string | undefined
  /** Where `approvals login` keeps tokens, for when none is given. */
  readonly loginFile?: string
  /** Print the gateway's JSON instead of drawing. */
  readonly json: boolean
}

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
        const mark = `${view.state} ${view.votes.length}`
        const known = seen.get(view.id)
        seen.set(view.id, mark)
        if (known === mark || (known === undefined && view.state !== 'pending')) continue
        if (options.json) io.out(`${JSON.stringify(view)}\n`)
        else io.out(known === undefined ? `${drawApproval(view, Date.now())}\n` : `${view.id}: ${view.state}\n`)
      }
      await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined)
    }
  })
}

const WATCH_MS = 2_000

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
function requireSeen(approval: ReviewView, digest: string | undefined): void {
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

async function run(io: Output, command: () => Promise<void>): Promise<ExitCode> {
  try {
    await command()
    return 0
  } catch (error) {
    if (!(error instanceof CommandStop)) throw error
    io.err(`${showHidden(error.message)}\n`)
    return error.exitCode
  }
}

async function ask<T>(options: ApprovalsOptions, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const response = await send(options, method, path, body)
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok && answer !== undefined) return answer as T
  const { code, message, next } = readError(answer)
  // 400 and 401 are about how the command was used; everything else is the gateway saying no.
  const wrongUse = response.status === 400 || response.status === 401
  throw new CommandStop(
    wrongUse ? 2 : 1,
    `${code ?? `HTTP ${response.status}`}: ${message ?? 'no reason given.'} ${next ?? ''}`.trimEnd(),
  )
}

async function send(options: ApprovalsOptions, method: string, path: string, body?: object): Promise<Response> {
  const base = gatewayOf(options)
  const token = await tokenFor(options, base)
  try {
    return await fetch(new URL(`/api/approvals${path}`, base), {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
  } catch {
    throw new CommandStop(2, `No gateway answers at ${base.origin}.`)
  }
}

async function tokenFor({ token, loginFile }: ApprovalsOptions, { origin }: URL): Promise<string> {
  if (token !== undefined && token !== '') return token
  const kept = loginFile === undefined ? undefined : await readLogin(loginFile, origin, Date.now())
  if (kept !== undefined) return kept
  throw new CommandStop(2, 'A reviewer token is needed: countersign approvals login, --token, or COUNTERSIGN_TOKEN.')
}

function gatewayOf(options: Pick<ApprovalsOptions, 'url'>): URL {
  const base = URL.canParse(options.url) ? new URL(options.url) : undefined
  if (base === undefined || !['http:', 'https:'].includes(base.protocol)) {
    throw new CommandStop(2, '--url must be an http(s) URL.')
  }
  // The token decides over other people's requests: it never crosses a network in the clear, nor follows a redirect.
  if (base.protocol === 'http:' && !isLoopback(base.hostname)) {
    throw new CommandStop(2, 'Plain http is for loopback addresses only: use https.')
  }
  return base
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function readError(answer: unknown): { code?: string; message?: string; next?: string } {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return {}
  const { error } = answer
  if (typeof error !== 'object' || error === null) return {}
  const text = (name: string) => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === 'string' ? { [name]: value } : {}
  }
  return { ...text('code'), ...text('message'), ...text('next') }
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
