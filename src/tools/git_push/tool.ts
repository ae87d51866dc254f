import type { OpenTool, Tool, ToolParts, Understanding } from '../tool.ts'
import { lookUpPush } from './execute.ts'
import { createFindGit } from './git/findGit.ts'
import { input } from './input.ts'
import { MATCH_KEYS } from './matchKeys.ts'
import { openConnections } from './openConnections.ts'
import type { GitExchange, ReceivedRef } from './receive/exchange.ts'
import { receivePush } from './receive/receivePush.ts'
import { understandFetch } from './receive/serveFetch.ts'
import type { FindSecrets } from './scanObjects.ts'
import { selfTest } from './selfTest.ts'
import type { GitConnection } from './settings.ts'
import { understand } from './understand.ts'

export interface GitPushParts extends ToolParts<GitConnection> {
  readonly findSecrets: FindSecrets
}

/** git_push, and the endpoint at which agents leave their commits with plain git. */
export interface GitPush extends OpenTool {
  readonly endpoint: GitEndpoint
}

export interface GitEndpoint {
  readonly tool: Tool
  /** Reading the repository: an operation that policy must allow. It is answered by `execute`. */
  understandFetch(connectionName: string, exchange: GitExchange): Promise<Understanding>
  /** Takes commits into the caller's own space. Nothing of it reaches the server of the connection. */
  receive(connectionName: string, ownSpace: string, exchange: GitExchange): Promise<readonly ReceivedRef[]>
}

const OPERATIONS = ['push', 'force-push', 'delete', 'fetch', 'path:*', 'mode:*', 'secret:*']

export function createGitPush(parts: GitPushParts): GitPush {
  const findGit = createFindGit(() => process.env.PATH)
  const find = openConnections(parts, findGit)
  const tool: Tool = {
    name: 'git_push',
    title: 'Push to a git repository',
    description:
      'Moves a branch of a repository to a commit. Push your commits with plain git to refs/heads/agent/<name> at /git/<connection> of this gateway, with your access token, then name the full commit id here; or send a unified diff as patch. Every commit is judged, and a person may have to approve.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    input,
    connectionType: 'git',
    operations: OPERATIONS,
    match: MATCH_KEYS,
    understand: async (args, connectionName, _signal, ownSpace) =>
      understand(await find(connectionName), input.parse(args), ownSpace, parts),
  }
  return {
    tool,
    async lookUpOutcome(connectionName, reference) {
      const { repositories, settings } = await find(connectionName)
      return lookUpPush(await repositories.copy(0), settings, parts, reference)
    },
    selfTest: (name) => selfTest(name, parts.connections()[name], findGit, parts),
    // Every exchange with a server opens a connection of its own, with the secret of that moment.
    reconnect: () => {},
    close: async () => {},
    endpoint: {
      tool,
      understandFetch: async (name, exchange) => understandFetch(await find(name), exchange),
      async receive(name, ownSpace, exchange) {
        const connection = await find(name)
        return receivePush(connection, await connection.repositories.space(ownSpace), exchange, parts.findSecrets)
      },
    },
  }
}
