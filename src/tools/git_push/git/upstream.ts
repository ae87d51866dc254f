import { GateError } from '../../../errors.ts'
import type { ReadSecret } from '../../../settings/secretReference.ts'
import { readPinnedKeys } from '../../ssh_exec/session/hostKeys.ts'
import type { GitConnection } from '../settings.ts'
import type { Git } from './git.ts'
import { type GitConfig, gitEnvironment, limited } from './gitEnvironment.ts'
import { type Channel, type ProcessResult, runProcess } from './runProcess.ts'
import { openSshChannel } from './sshChannel.ts'

export interface UpstreamParts {
  readonly readSecret: ReadSecret
  /** Teaches the masker the header that is made of user and password. */
  readonly alsoSecret: (value: string) => void
}

export interface UpstreamCall {
  readonly service: 'git-receive-pack' | 'git-upload-pack'
  /** The arguments of git; the remote's address is put where `REMOTE` stands. */
  readonly args: readonly (string | symbol)[]
  readonly config?: GitConfig
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** Where the address of the remote goes in the arguments. It is never one of the repository's own remotes. */
export const REMOTE = Symbol('remote')

/**
 * Runs git against the server of a connection. The password is in the environment of this one process; the key of SSH
 * never leaves ours. Secrets are read anew each time, so that a rotated one works at once.
 *
 * @throws GateError ERR_SECRET, ERR_TARGET_UNAVAILABLE, ERR_TARGET_CREDENTIALS before git has started
 */
export async function runAtUpstream(
  git: Git,
  settings: GitConnection,
  parts: UpstreamParts,
  call: UpstreamCall,
): Promise<ProcessResult> {
  const remote = await openRemote(settings, parts, call.service)
  const args = call.args.map((arg) => (typeof arg === 'symbol' ? remote.address : arg))
  const [program, argv] = limited(git.programs, args)
  try {
    return await runProcess(program, argv, {
      env: gitEnvironment(
        git.programs,
        { ...call.config, ...remote.config },
        { ...git.env, GIT_DIR: git.dir, ...call.env },
      ),
      timeoutMs: call.timeoutMs ?? settings.limits.timeout,
      maxOutput: 16 * 1024 ** 2,
      ...(call.stdin !== undefined && { stdin: call.stdin }),
      ...(call.signal !== undefined && { signal: call.signal }),
      ...(remote.join !== undefined && { onChannel: remote.join }),
    })
  } finally {
    remote.close()
  }
}

interface Remote {
  readonly address: string
  readonly config: GitConfig
  readonly join?: (channel: Channel) => void
  close(): void
}

async function openRemote(
  settings: GitConnection,
  { readSecret, alsoSecret }: UpstreamParts,
  service: UpstreamCall['service'],
): Promise<Remote> {
  const url = new URL(settings.url)
  if (url.protocol === 'ssh:') {
    if (settings.privateKey === undefined) throw new GateError('ERR_TARGET_CREDENTIALS')
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = url.port === '' ? 22 : Number(url.port)
    const { user, hostKey, knownHosts, limits } = settings
    const pinned = await readPinnedKeys({ host, port, hostKey, knownHosts }, readSecret)
    const privateKey = await readSecret(settings.privateKey)
    const passphrase = settings.passphrase && (await readSecret(settings.passphrase))
    const path = decodeURIComponent(url.pathname)
    const target = { host, port, user, pinned, privateKey, passphrase, path, timeoutMs: limits.timeout }
    const channel = await openSshChannel(target, service)
    // git-remote-fd reads and writes the descriptors it is given, and connects to nothing.
    return { address: 'fd::3,4', config: { 'protocol.fd.allow': 'always' }, join: channel.join, close: channel.close }
  }
  const scheme = url.protocol.slice(0, -1)
  const config: Record<string, string> = { [`protocol.${scheme}.allow`]: 'always', 'http.sslVerify': 'true' }
  if (settings.tls?.ca !== undefined) config['http.sslCAInfo'] = settings.tls.ca
  if (settings.password !== undefined) {
    const password = await readSecret(settings.password)
    const basic = Buffer.from(`${settings.user}:${password}`).toString('base64')
    alsoSecret(basic)
    config[`http.${settings.url}.extraHeader`] = `Authorization: Basic ${basic}`
  }
  return { address: settings.url, config, close: () => {} }
}

/** What a failed exchange means, in our words: git's own may hold addresses, names and what the server sent. */
export function upstreamFailure({ code, stderr, stopped }: ProcessResult): GateError {
  if (stopped === 'signal') return new GateError('ERR_CANCELLED')
  if (stopped === 'timeout') return new GateError('ERR_TARGET_UNAVAILABLE', { detail: 'It did not answer in time.' })
  const cause = new Error(`git ended with ${code}`)
  const say = (detail: string) => new GateError('ERR_TARGET_FAILED', { detail, cause })
  if (
    /Authentication failed|could not read (?:Username|Password)|returned error: 40[13]\b|HTTP 40[13]\b/.test(stderr)
  ) {
    return new GateError('ERR_TARGET_CREDENTIALS', { cause })
  }
  if (/redirect|returned error: 30\d\b/i.test(stderr))
    return say('The server redirects; the connection must name the final address.')
  if (/not found|does not appear to be a git repository|returned error: 404\b/i.test(stderr)) {
    return say('There is no such repository, or the account cannot see it.')
  }
  if (/object format|mismatched algorithms/i.test(stderr)) return say('The repository has another objectFormat.')
  if (/certificate|SSL/i.test(stderr)) {
    return new GateError('ERR_TARGET_UNAVAILABLE', { detail: 'Its certificate is not trusted.', cause })
  }
  return new GateError('ERR_TARGET_UNAVAILABLE', { cause })
}
