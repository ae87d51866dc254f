import type { Client, ClientChannel } from 'ssh2'
import { GateError } from '../../../errors.ts'
import type { Report } from '../../tool.ts'
import { collectText } from '../output/collectText.ts'

export interface RemoteRun {
  readonly command: string
  readonly input: string
  readonly timeoutMs: number
  readonly maxBytes: number
  /** A read is ended when its caller leaves and when its output is too large; a change runs to its end. */
  readonly effect: 'read' | 'write'
  readonly signal: AbortSignal
  readonly report: Report | undefined
}

export interface RemoteResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | undefined
  /** The signal that ended it, `TERM`. */
  readonly signal: string | undefined
  readonly timedOut: boolean
  readonly truncated: boolean
}

/** The command did not start, for certain: it may be tried on another login. */
export class NotStarted extends Error {}

/** What `timeout -k 5` takes at most to end a line, and some more. */
const END_MS = 8_000
/** Beyond the limit that the host keeps: then the connection is given up. */
const PATIENCE_MS = 15_000

/**
 * Runs one command on a channel of its own: no terminal, no environment, no forwarding.
 *
 * @throws NotStarted; GateError ERR_CANCELLED, ERR_TARGET_UNAVAILABLE for a read whose connection was lost, and
 *   ERR_OUTCOME_UNKNOWN for a change.
 */
export function runRemotely(client: Client, run: RemoteRun): Promise<RemoteResult> {
  const { command, effect, signal } = run
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new GateError('ERR_CANCELLED')
    const onLost = () => reject(lostError(effect))
    client.once('close', onLost)
    try {
      client.exec(command, { pty: false }, (error, channel) => {
        client.removeListener('close', onLost)
        // At once: all that a quick command says may have arrived together with this answer.
        if (error === undefined) resolve(collect(client, channel, run))
        // The host said no to the channel or to the command; a connection that broke says nothing of that kind.
        else if ('reason' in error || /^Unable to exec/.test(error.message)) reject(new NotStarted())
        else reject(lostError(effect, error))
      })
    } catch {
      client.removeListener('close', onLost)
      reject(new NotStarted())
    }
  })
}

function lostError(effect: 'read' | 'write', cause?: unknown): GateError | NotStarted {
  return effect === 'read' ? new NotStarted() : new GateError('ERR_OUTCOME_UNKNOWN', { cause })
}

function collect(client: Client, channel: ClientChannel, run: RemoteRun): Promise<RemoteResult> {
  const { effect, signal, report, maxBytes, timeoutMs, input } = run
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const stdout = collectText(maxBytes)
    const stderr = collectText(maxBytes)
    let exit: { readonly code: number | null; readonly signal: string | undefined } | undefined
    let ending: NodeJS.Timeout | undefined
    let isEnded = false

    /** The end of standard input is what the host waits for to end the line; then it says how it ended. */
    const endRemotely = () => {
      if (ending !== undefined) return
      channel.end()
      ending = setTimeout(finish, END_MS)
    }
    const onAbort = () => {
      if (effect === 'read') endRemotely()
    }
    const finish = () => {
      if (isEnded) return
      isEnded = true
      clearTimeout(ending)
      clearTimeout(patience)
      signal.removeEventListener('abort', onAbort)
      client.removeListener('close', finish)
      channel.close()
      if (signal.aborted && effect === 'read') return reject(new GateError('ERR_CANCELLED'))
      const texts = { out: stdout.finish(), err: stderr.finish() }
      const truncated = texts.out.truncated || texts.err.truncated
      if (exit === undefined && !(effect === 'read' && truncated)) {
        return reject(new GateError(effect === 'read' ? 'ERR_TARGET_UNAVAILABLE' : 'ERR_OUTCOME_UNKNOWN'))
      }
      const wasEnded = ending !== undefined
      const code = exit?.code ?? undefined
      resolve({
        stdout: texts.out.text,
        stderr: texts.err.text,
        // How it ended is our doing then, and says nothing about the command.
        exitCode: wasEnded ? undefined : code,
        signal: wasEnded ? undefined : exit?.signal,
        timedOut: !wasEnded && (code === 124 || code === 137) && performance.now() - began >= timeoutMs,
        truncated,
      })
    }
    const patience = setTimeout(finish, timeoutMs + PATIENCE_MS)
    const take = (collector: typeof stdout) => (chunk: Buffer) => {
      collector.write(chunk)
      if (collector.isFull() && effect === 'read') endRemotely()
      report?.(`${stdout.bytes() + stderr.bytes()} bytes, ${stdout.lines() + stderr.lines()} lines of output`)
    }
    channel.on('data', take(stdout))
    channel.stderr.on('data', take(stderr))
    channel.on('exit', (code: number | null, name?: string) => {
      exit = { code, signal: name?.replace(/^SIG/, '') }
    })
    channel.on('error', () => undefined)
    channel.on('close', finish)
    client.once('close', finish)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    if (input !== '') channel.write(input)
  })
}
