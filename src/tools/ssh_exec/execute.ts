import { randomBytes } from 'node:crypto'
import type { Json } from '../../call.ts'
import type { Report, ToolOutput } from '../tool.ts'
import type { RemoteResult } from './session/runRemotely.ts'
import type { SshHosts } from './session/sshHosts.ts'
import type { SshConnection } from './settings.ts'

/** A command that was understood, and where it runs. */
export interface OpenCommand {
  readonly connectionName: string
  readonly settings: SshConnection
  readonly effect: 'read' | 'write'
  /** The bytes for `sh -c` of the host. */
  readonly sent: string
  readonly stdin: string
}

/** Runs exactly the bytes that were judged. A host keeps no record by which a lost outcome could be looked up. */
export async function execute(
  { connectionName, settings, effect, sent, stdin }: OpenCommand,
  hosts: SshHosts,
  beforeCommit: (outcomeRef: Json) => Promise<void>,
  signal: AbortSignal,
  report: Report | undefined,
): Promise<ToolOutput> {
  const result = await hosts.run(connectionName, settings, {
    sent,
    stdin,
    effect,
    signal,
    report,
    beforeSend: async () => {
      if (effect === 'write') await beforeCommit({ run: randomBytes(8).toString('hex') })
    },
  })
  return toOutput(result, settings)
}

function toOutput(result: RemoteResult, { limits }: SshConnection): ToolOutput {
  const { stdout, stderr, exitCode, signal, timedOut, truncated } = result
  return {
    table: undefined,
    texts: [
      { name: 'stdout', text: stdout },
      { name: 'stderr', text: stderr },
    ],
    facts: {
      exit_code: exitCode ?? null,
      ...(signal !== undefined && { signal }),
      ...(timedOut && { timed_out: true }),
    },
    command: 'run',
    rowsChanged: undefined,
    truncated,
    caps: { maxRows: 0, maxBytes: limits.maxBytes },
    masked: [],
  }
}
