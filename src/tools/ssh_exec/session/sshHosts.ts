import { randomBytes } from 'node:crypto'
import { GateError } from '../../../errors.ts'
import { settingsOf } from '../../settingsOf.ts'
import type { ToolParts } from '../../tool.ts'
import type { SshConnection } from '../settings.ts'
import { type ClientPool, createClientPool } from './clientPool.ts'
import { writeRemoteCommand } from './remoteScript.ts'
import { NotStarted, type RemoteResult, type RemoteRun, runRemotely } from './runRemotely.ts'

export interface HostCall extends Pick<RemoteRun, 'effect' | 'signal' | 'report'> {
  /** What was judged, for `sh -c`. */
  readonly sent: string
  readonly stdin: string
  /** Awaited when the host is reached and the line is about to be sent. */
  beforeSend(): Promise<void>
}

/** The hosts of all connections, as the configuration of this moment describes them. */
export interface SshHosts {
  /** @throws GateError ERR_CONNECTION_UNKNOWN */
  settings(connectionName: string): SshConnection
  /**
   * Runs a line at the host that it was judged for.
   *
   * @param judgedBy the settings that the call began with: after a reload that changed them the host may be another
   */
  run(connectionName: string, judgedBy: SshConnection, call: HostCall): Promise<RemoteResult>
  /** Gives up all logins, each when its commands have ended. */
  reconnect(): void
  close(): Promise<void>
}

interface Entry {
  readonly settings: SshConnection
  readonly pool: ClientPool
}

export function createSshHosts({ connections, readSecret, alsoSecret }: ToolParts<SshConnection>): SshHosts {
  const entries = new Map<string, Entry>()

  const settingsFor = (name: string): SshConnection => settingsOf(connections(), name)
  const poolFor = (name: string, judgedBy: SshConnection): ClientPool => {
    const settings = settingsFor(name)
    if (!areSame(settings, judgedBy)) {
      throw new GateError('ERR_APPROVAL_CHANGED', { detail: 'The connection was configured anew meanwhile.' })
    }
    const entry = entries.get(name)
    if (entry !== undefined && areSame(entry.settings, settings)) return entry.pool
    void entry?.pool.close()
    const pool = createClientPool(settings, { readSecret, alsoSecret })
    entries.set(name, { settings, pool })
    return pool
  }

  return {
    settings: settingsFor,
    async run(name, judgedBy, { sent, stdin, effect, signal, report, beforeSend }) {
      const { timeout, maxBytes } = judgedBy.limits
      const remote = { sent, stdin, timeoutMs: timeout, endsWithConnection: effect === 'read' }
      const written = writeRemoteCommand(remote, randomBytes(16).toString('hex'))
      if (written === undefined) {
        throw new GateError('ERR_COMMAND_TEXT', { detail: 'Quoted for the host, the line is longer than 120 KiB.' })
      }
      for (let attempt = 1; ; attempt++) {
        // After a login that turned out to be dead, only a new one will do.
        const purpose = effect === 'read' && attempt === 1 ? 'read' : 'change'
        const taken = await poolFor(name, judgedBy).take(purpose, signal)
        try {
          if (attempt === 1) await beforeSend()
          return await runRemotely(taken.client, { ...written, timeoutMs: timeout, maxBytes, effect, signal, report })
        } catch (error) {
          if (!(error instanceof NotStarted)) throw error
          if (signal.aborted) throw new GateError('ERR_CANCELLED', { cause: error })
          if (attempt === 2) throw new GateError('ERR_TARGET_UNAVAILABLE', { cause: error })
          taken.discard()
        } finally {
          taken.release()
        }
      }
    },
    reconnect() {
      for (const { pool } of entries.values()) void pool.close()
      entries.clear()
    },
    async close() {
      await Promise.all([...entries.values()].map(({ pool }) => pool.close()))
      entries.clear()
    },
  }
}

function areSame(one: SshConnection, other: SshConnection): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
