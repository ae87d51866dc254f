import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { GateError } from '../../../errors.ts'
import type { GitPrograms } from '../git/findGit.ts'
import { type GitConfig, gitEnvironment, limited, type ResourceLimits } from '../git/gitEnvironment.ts'
import { killGroup } from '../git/runProcess.ts'

/** How long a client may send or read nothing, in milliseconds. */
const IDLE_MS = 60_000

/** Reads a body piece by piece; leaving it does not close the connection, over which the answer still has to go. */
export interface BodyReader {
  /** Undefined at the end. Throws ERR_BODY_MALFORMED when the client stops sending, ERR_GIT_LIMIT past the limit. */
  next(): Promise<Buffer | undefined>
}

export function openBody(body: Readable, maxBytes: number, idleMs = IDLE_MS): BodyReader {
  const chunks = body.iterator({ destroyOnReturn: false })
  let size = 0
  return {
    async next() {
      const { done, value } = await withDeadline(chunks.next(), idleMs)
      if (done === true) return undefined
      const chunk = value as Buffer
      size += chunk.length
      if (size > maxBytes)
        throw new GateError('ERR_GIT_LIMIT', { detail: `A push of more than ${maxBytes} bytes is not taken.` })
      return chunk
    },
  }
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GateError('ERR_BODY_MALFORMED', { detail: 'The client stopped sending.' })), ms)
  })
  try {
    return await Promise.race([work, late])
  } catch (cause) {
    throw cause instanceof GateError
      ? cause
      : new GateError('ERR_BODY_MALFORMED', { detail: 'The body ended early.', cause })
  } finally {
    clearTimeout(timer)
    late.catch(() => {})
    work.catch(() => {})
  }
}

export interface Served {
  readonly args: readonly string[]
  readonly config: GitConfig
  readonly env?: Readonly<Record<string, string>>
  readonly limits?: ResourceLimits
  /** Milliseconds for all of it. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Pieces for git's input, until undefined. */
  readonly input: () => Promise<Buffer | undefined>
  /** Called when git has begun to answer. */
  readonly begin: () => Writable
}

export interface Ended {
  /** Undefined when it was killed. */
  readonly code: number | undefined
  /** Bytes of the answer. */
  readonly sent: number
}

/**
 * Runs one side of git's protocol between a client and a repository, holding neither the input nor the output in
 * memory.
 *
 * @throws GateError ERR_BODY_MALFORMED, ERR_GIT_LIMIT, ERR_CANCELLED
 */
export async function serveGit(programs: GitPrograms, served: Served): Promise<Ended> {
  const [program, argv] = limited(programs, served.args, served.limits)
  const child = spawn(program, [...argv], {
    env: gitEnvironment(programs, served.config, served.env),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | undefined>((resolve) => {
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code ?? undefined))
  })
  const { stdin, stdout, stderr } = child
  stdin.on('error', () => {})
  stderr.resume()
  let isOver = false
  const timer = setTimeout(() => stop(child), served.timeoutMs)
  const abort = (): void => stop(child)
  served.signal.addEventListener('abort', abort, { once: true })
  if (served.signal.aborted) abort()
  void ended.then(() => {
    isOver = true
  })
  const output = pump(stdout, served.begin, child)
  // It is awaited below, which may be later than it fails.
  output.catch(() => {})
  try {
    for (;;) {
      const chunk = await Promise.race([served.input(), ended.then(() => undefined)])
      if (chunk === undefined || isOver || stdin.destroyed) break
      if (!stdin.write(chunk)) await Promise.race([drain(stdin), ended])
    }
    stdin.end()
    const code = await ended
    const sent = await output
    if (served.signal.aborted) throw new GateError('ERR_CANCELLED')
    return { code, sent }
  } catch (error) {
    stop(child)
    await ended
    await output.catch(() => {})
    throw error
  } finally {
    clearTimeout(timer)
    served.signal.removeEventListener('abort', abort)
  }
}

/** First so that git removes its quarantine itself, then for sure. */
function stop(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    return
  }
  setTimeout(() => killGroup(child), 2_000).unref()
}

function drain(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      stream.off('drain', settle)
      stream.off('close', settle)
      resolve()
    }
    stream.on('drain', settle)
    stream.on('close', settle)
  })
}

async function pump(from: Readable, begin: () => Writable, child: ChildProcess): Promise<number> {
  let to: Writable | undefined
  let sent = 0
  for await (const chunk of from) {
    to ??= begin()
    if (to.destroyed) break
    sent += (chunk as Buffer).length
    if (!to.write(chunk) && !(await drained(to))) {
      // The client reads nothing: what it asked for is not worth a process.
      to.destroy()
      stop(child)
      break
    }
  }
  from.resume()
  return sent
}

async function drained(to: Writable): Promise<boolean> {
  const late = AbortSignal.timeout(IDLE_MS)
  const done = drain(to).then(() => !to.destroyed)
  return Promise.race([done, new Promise<false>((resolve) => late.addEventListener('abort', () => resolve(false)))])
}

/** Ends an answer and waits until it is on its way. */
export async function endAnswer(to: Writable): Promise<void> {
  to.end()
  await finished(to).catch(() => {})
}
