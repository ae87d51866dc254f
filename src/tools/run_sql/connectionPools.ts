import { GateError } from '../../errors.ts'
import type { ReadSecret } from '../../settings/secretReference.ts'
import { settingsOf } from '../settingsOf.ts'
import { createKeptJudgements, type KeptJudgements } from './keptJudgements.ts'
import { createSessionPool, type SessionPool } from './session/createSessionPool.ts'
import type { Role } from './session/openSession.ts'
import type { PostgresConnection } from './settings.ts'

/** The sessions of all connections, by connection and role, as the configuration of this moment describes them. */
export interface ConnectionPools {
  settings(connectionName: string): PostgresConnection
  /**
   * @param judgedBy the settings that a call began with: when a reload has changed them since, the pool leads elsewhere
   * @throws GateError ERR_CONNECTION_UNKNOWN, ERR_SQL_CHANGED
   */
  pool(connectionName: string, role: Role, judgedBy?: PostgresConnection): SessionPool
  /** What is kept of judgements under these very settings: none that were made under others, or before a reconnect. */
  judgements(connectionName: string, judgedBy: PostgresConnection): KeptJudgements
  /** Gives up all sessions, each when its call ends; the next call opens one anew, with the secret of that moment. */
  reconnect(): void
  close(): Promise<void>
}

interface Entry {
  readonly settings: PostgresConnection
  readonly pool: SessionPool
}

export function createConnectionPools(
  connections: () => Readonly<Record<string, PostgresConnection>>,
  readSecret: ReadSecret,
): ConnectionPools {
  const entries = new Map<string, Entry>()
  const judgements = new Map<string, { readonly settings: PostgresConnection; readonly kept: KeptJudgements }>()
  const settings = (name: string): PostgresConnection => settingsOf(connections(), name)
  return {
    settings,
    pool: (name, role, judgedBy) => {
      const wanted = settings(name)
      if (judgedBy !== undefined && !areSame(judgedBy, wanted)) {
        throw new GateError('ERR_SQL_CHANGED', { detail: 'The connection was configured anew meanwhile.' })
      }
      const key = `${role} ${name}`
      const entry = entries.get(key)
      // A configuration that was read again is a new object; the same settings keep their sessions.
      if (entry !== undefined && areSame(entry.settings, wanted)) return entry.pool
      if (entry !== undefined) void entry.pool.close()
      const pool = createSessionPool(wanted, role, readSecret)
      entries.set(key, { settings: wanted, pool })
      return pool
    },
    judgements: (name, judgedBy) => {
      const entry = judgements.get(name)
      if (entry !== undefined && areSame(entry.settings, judgedBy)) return entry.kept
      const kept = createKeptJudgements()
      judgements.set(name, { settings: judgedBy, kept })
      return kept
    },
    reconnect: () => {
      judgements.clear()
      for (const { pool } of entries.values()) void pool.close()
      entries.clear()
    },
    close: async () => {
      await Promise.all([...entries.values()].map(({ pool }) => pool.close()))
    },
  }
}

function areSame(one: PostgresConnection, other: PostgresConnection): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
