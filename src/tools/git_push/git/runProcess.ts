import { type ChildProcess, spawn } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { GateError } from '../../../errors.ts'

export interface ProcessOptions {
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: Uint8Array | string
  /** Milliseconds until the process and everything it started is killed. */
  readonly timeoutMs: number
  /** Bytes of stdout that are kept; a process that writes more is killed. */
  readonly maxOutput: number
  readonly signal?: AbortSignal
  /** Streams that are file descriptors 3 (it reads) and 4 (it writes) of the process. */
  readonly onChannel?: (channel: Channel) => void
}

/** The other ends of two descriptors of a process. */
export interface Channel {
  readonly toProcess: Writable
  readonly fromProcess: Readable
}

export interface ProcessResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined
  readonly stdout: Buffer
  /** The first 64 KiB. */
  readonly stderr: string
  readonly stopped: 'timeout' | 'output' | 'signal' | undefined
}

const MAX_STDERR = 64 * 1024

/**
 * Runs a program without a shell, in a process group of its own, so that what it started ends with it. Never rejects for
 * what the program does.
 *
 * @throws GateError ERR_GIT_MISSING when it cannot be started at all
 */
export function runProcess(
  program: string,
  args: readonly string[],
  { env, cwd, stdin, timeoutMs, maxOutput, signal, onChannel }: ProcessOptions,
): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', ...(onChannel === undefined ? [] : (['pipe', 'pipe'] as const))],
      ...(cwd !== undefined && { cwd }),
    })
    const out: Buffer[] = []
    let size = 0
    let stderr = ''
    let stopped: ProcessResult['stopped']
    const stop = (why: NonNullable<ProcessResult['stopped']>): void => {
      stopped ??= why
      killGroup(child)
    }
    const timer = setTimeout(() => stop('timeout'), timeoutMs)
    const abort = (): void => stop('signal')
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxOutput) stop('output')
      else out.push(chunk)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      if (stderr.length < MAX_STDERR) stderr += chunk.toString().slice(0, MAX_STDERR - stderr.length)
    })
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    child.on('error', (cause) => {
      settle()
      reject(new GateError('ERR_GIT_MISSING', { detail: 'A program could not be started.', cause }))
    })
    child.on('close', (code) => {
      settle()
      resolve({ code: code ?? undefined, stdout: Buffer.concat(out), stderr, stopped })
    })
    // It may end before it has read everything; its exit code says what that means.
    child.stdin?.on('error', () => {})
    child.stdin?.end(stdin)
    const [, , , toProcess, fromProcess] = child.stdio
    if (onChannel !== undefined && isWritable(toProcess) && isReadable(fromProcess)) {
      for (const end of [toProcess, fromProcess]) end.on('error', () => {})
      onChannel({ toProcess, fromProcess })
    }
  })
}

/** Ends a process that was started with a group of its own, and whatever it started. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

const isWritable = (stream: unknown): stream is Writable => stream instanceof Writable
const isReadable = (stream: unknown): stream is Readable => stream instanceof Readable
