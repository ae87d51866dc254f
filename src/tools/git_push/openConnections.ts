import { settingsOf } from '../settingsOf.ts'
import type { ToolParts } from '../tool.ts'
import type { GitPrograms } from './git/findGit.ts'
import { cacheOf, openRepositories, type Repositories } from './git/repositories.ts'
import type { GitConnection } from './settings.ts'

/** A connection as its settings are at this moment, with what the gateway keeps of its repository. */
export interface OpenConnection {
  readonly name: string
  readonly settings: GitConnection
  readonly repositories: Repositories
}

/** @throws GateError ERR_CONNECTION_UNKNOWN, ERR_GIT_MISSING */
export type FindConnection = (name: string) => Promise<OpenConnection>

/** How often what nobody uses any more is looked for, in milliseconds. */
const SWEEP_EVERY_MS = 3_600_000

export function openConnections(parts: ToolParts<GitConnection>, findGit: () => Promise<GitPrograms>): FindConnection {
  const open = new Map<string, OpenConnection & { readonly version: string }>()
  const sweptAt = new Map<string, number>()
  return async (name) => {
    const settings = settingsOf(parts.connections(), name)
    const programs = await findGit()
    const version = JSON.stringify(settings)
    let connection = open.get(name)
    if (connection?.version !== version) {
      connection = {
        name,
        settings,
        version,
        repositories: openRepositories(settings, programs, parts, cacheOf(settings)),
      }
      open.set(name, connection)
    }
    const now = Date.now()
    if (now - (sweptAt.get(name) ?? 0) > SWEEP_EVERY_MS) {
      sweptAt.set(name, now)
      await connection.repositories.sweep(now)
    }
    return connection
  }
}
