import { showHidden } from '../approvals/suspiciousText.ts'
import { CommandStop, type ExitCode } from './commandStop.ts'
import { readLogin } from './loginFile.ts'

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

/** Runs a command: an expected stop becomes its message and exit code. */
export async function run(io: Output, command: () => Promise<void>): Promise<ExitCode> {
  try {
    await command()
    return 0
  } catch (error) {
    if (!(error instanceof CommandStop)) throw error
    io.err(`${showHidden(error.message)}\n`)
    return error.exitCode
  }
}

/** One request to the reviewers' API. Throws CommandStop for everything but success. */
export async function ask<T>(
  options: ApprovalsOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
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

/** Where the gateway is: https, or this machine. */
export function gatewayOf(options: Pick<ApprovalsOptions, 'url'>): URL {
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

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}
