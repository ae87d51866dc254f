import type { Connection } from './connection.ts'
import type { FindSecrets } from './git_push/scanObjects.ts'
import { createGitPush, type GitEndpoint } from './git_push/tool.ts'
import { createHttpRequest } from './http_request/tool.ts'
import { createKubectl } from './kubectl/tool.ts'
import { createRunSql } from './run_sql/tool.ts'
import { createSshExec } from './ssh_exec/tool.ts'
import type { LookUpOutcome, OpenTool, Tool, ToolParts } from './tool.ts'

/** All tools of a gateway, which look at whatever connections are in force. */
export interface OpenTools extends Omit<OpenTool, 'tool'> {
  learnCredentials(): Promise<void>
  readonly tools: readonly Tool[]
  readonly lookUpOutcome: LookUpOutcome
  /** Where agents leave commits with plain git. */
  readonly git: GitEndpoint
}

export interface OpenToolsParts extends ToolParts<Connection> {
  /** Absent where no detectors are: then everything that is searched counts as a secret. */
  readonly findSecrets?: FindSecrets
}

/** Opens every tool there is. Nothing is connected, and no library of a target is loaded, before a call needs it. */
export function openTools({ readSecret, alsoSecret, connections, findSecrets }: OpenToolsParts): OpenTools {
  const partsFor = <Type extends Connection['type']>(type: Type): ToolParts<Connection & { type: Type }> => ({
    readSecret,
    alsoSecret,
    connections: ofType(type, connections),
  })
  const git = createGitPush({ ...partsFor('git'), findSecrets: findSecrets ?? (() => [{ why: 'not-searched' }]) })
  const all: readonly OpenTool[] = [
    createRunSql(partsFor('postgres')),
    createHttpRequest(partsFor('http')),
    createSshExec(partsFor('ssh')),
    createKubectl(partsFor('kubernetes')),
    git,
  ]

  const toolOf = (connectionName: string) => {
    const type = connections()[connectionName]?.type
    return all.find(({ tool }) => tool.connectionType === type)
  }
  return {
    git: git.endpoint,
    tools: all.map(({ tool }) => tool),
    // A connection that is gone from the configuration cannot be asked.
    lookUpOutcome: async (name, outcomeRef) => (await toolOf(name)?.lookUpOutcome(name, outcomeRef)) ?? 'unknown',
    selfTest: async (name) => (await toolOf(name)?.selfTest(name)) ?? [],
    reconnect() {
      for (const { reconnect } of all) reconnect()
    },
    async learnCredentials() {
      await Promise.all(all.map(({ learnCredentials }) => learnCredentials?.()))
    },
    async close() {
      await Promise.all(all.map(({ close }) => close()))
    },
  }
}

/** The connections of one type, filtered anew only when others are in force. */
function ofType<Type extends Connection['type']>(type: Type, connections: () => Readonly<Record<string, Connection>>) {
  let from: Readonly<Record<string, Connection>> | undefined
  let found: Readonly<Record<string, Connection & { type: Type }>> = {}
  return () => {
    const current = connections()
    if (current !== from) {
      from = current
      const isOfType = (entry: [string, Connection]): entry is [string, Connection & { type: Type }] =>
        entry[1].type === type
      found = Object.fromEntries(Object.entries(current).filter(isOfType))
    }
    return found
  }
}
