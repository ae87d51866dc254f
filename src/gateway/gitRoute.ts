import { openRecord } from '../audit/record.ts'
import type { Caller } from '../call.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import { maskFacts } from '../masking/maskFacts.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { StreamExchange, StreamRoute } from '../mcp/streamRoute.ts'
import { newId } from '../newId.ts'
import type { Gates } from '../pipeline/gates.ts'
import type { Passage } from '../pipeline/passage.ts'
import { findConnection } from '../pipeline/readRequest.ts'
import { refuseRevoked } from '../pipeline/refuseRevoked.ts'
import { runUnderstood } from '../pipeline/runUnderstood.ts'
import { spaceOf } from '../pipeline/spaceOf.ts'
import type { Tool, Understanding } from '../tools/tool.ts'

/** What the endpoint needs of the tool. */
export interface GitParts {
  readonly tool: Tool
  understandFetch(connectionName: string, exchange: GitExchange): Promise<Understanding>
  receive(
    connectionName: string,
    ownSpace: string,
    exchange: GitExchange,
  ): Promise<readonly { readonly ref: string; readonly from: string; readonly to: string }[]>
}

interface GitExchange extends Pick<StreamExchange, 'body' | 'signal'> {
  readonly service: Service
  readonly step: 'refs' | 'pack'
  readonly protocol: string | undefined
  begin(headers: Readonly<Record<string, string>>): ReturnType<StreamExchange['begin']>
}

type Service = 'git-receive-pack' | 'git-upload-pack'

interface Asked {
  readonly connection: string
  readonly service: Service
  readonly step: 'refs' | 'pack'
}

const PREFIX = '/git/'

/**
 * `/git/<connection>`: where agents leave commits with plain `git push`, and read the repository where policy allows it.
 * Smart HTTP and nothing else (gitprotocol-http). Every request is on record, and nothing is taken while the trail
 * cannot be written.
 */
export function gitRoute(git: GitParts, gates: Gates): StreamRoute {
  return {
    kind: 'stream',
    matches: (path) => path.startsWith(PREFIX),
    async handle(exchange) {
      const passage = openPassage(exchange, git.tool, gates)
      const { record, caller } = passage
      try {
        await refuseRevoked(caller, gates)
        const asked = readPath(exchange)
        const connection = findConnection(asked.connection, git.tool, caller, gates.inForce())
        const { service, step } = asked
        const { body, signal } = exchange
        const protocol = exchange.header('git-protocol')
        const request: GitExchange = {
          ...{ service, step, protocol, body, signal },
          begin: (headers) => exchange.begin(200, headers),
        }
        if (service === 'git-upload-pack') {
          const args = { connection: connection.name, service, step }
          await runUnderstood(git.tool, args, connection, () => git.understandFetch(connection.name, request), passage)
          return
        }
        await receive(connection.name, request, passage)
      } catch (error) {
        if (!(error instanceof GateError)) gates.onBug(passage.callId, error)
        const stop = error instanceof GateError ? error : new GateError('ERR_INTERNAL', { cause: error })
        if (!record.hasEnded()) await endRecord(stop, passage)
        throw wireErrorOf(stop, passage)
      }
    },
  }

  /** What a push did here is told to the trail; nothing has run at a target. */
  async function receive(connection: string, request: GitExchange, passage: Passage): Promise<void> {
    const { record, caller, masker } = passage
    record.understood({ connection, effect: 'write', operations: [] })
    if (!gates.record.trail.isWritable()) throw new GateError('ERR_AUDIT')
    const received = await git.receive(connection, spaceOf(caller), request)
    const facts = { received: received.map(({ ref, from, to }) => ({ ref, from, to })) }
    await record.finished(maskFacts(facts, masker), { status: 'answered' })
  }
}

function openPassage(exchange: StreamExchange, tool: Tool, gates: Gates): Passage {
  const { caller, credential, address, signal } = exchange
  const call = {
    ...{ id: newId('call'), tool: tool.name, args: {}, credential, address },
    receivedAt: new Date(gates.approvals.clock()),
    agent: agentOf(exchange, caller, gates),
  }
  const record = openRecord(call, gates.record)
  record.identified(caller)
  const waiter = { signal, progress: async () => {} }
  const masker = gates.maskerFor(caller)
  return { callId: call.id, call, caller, record, gates, waiter, masker, decision: undefined, changed: undefined }
}

function agentOf(exchange: StreamExchange, caller: Caller, gates: Gates) {
  const name = exchange.header('user-agent')?.slice(0, 128)
  return {
    name: name === undefined ? undefined : maskFreeText(name, gates.maskerFor(caller)),
    version: undefined,
    conversation: undefined,
    traceparent: undefined,
  }
}

/** @throws GateError ERR_GIT_ADDRESS */
function readPath({ method, path, query }: StreamExchange): Asked {
  const [name = '', ...rest] = path.slice(PREFIX.length).split('/')
  const connection = decoded(name)
  const tail = rest.join('/')
  const wanted = method === 'GET' && tail === 'info/refs' ? query.get('service') : tail
  const isPack = method === 'POST' && tail === wanted
  const isRefs = method === 'GET' && tail === 'info/refs'
  if ((!isPack && !isRefs) || (wanted !== 'git-receive-pack' && wanted !== 'git-upload-pack')) {
    throw new GateError('ERR_GIT_ADDRESS')
  }
  return { connection, service: wanted, step: isRefs ? 'refs' : 'pack' }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    throw new GateError('ERR_GIT_ADDRESS')
  }
}

async function endRecord(stop: GateError, { record }: Passage): Promise<void> {
  if (stop.code === 'ERR_POLICY_DENIED') await record.denied({ code: stop.code })
  else await record.refused(stop)
}

/** For the client: masked, and with the status that git understands. */
function wireErrorOf(stop: GateError, { masker }: Passage): GateError {
  const code = WIRE_CODES[stop.code] ?? stop.code
  const isOperators = code === 'ERR_SECRET' || code === 'ERR_CONFIG' || code === 'ERR_TARGET_CREDENTIALS'
  const detail = isOperators || stop.detail === undefined ? undefined : maskFreeText(stop.detail, masker)
  return new GateError(code, detail === undefined ? {} : { detail })
}

const WIRE_CODES: Partial<Record<ErrorCode, ErrorCode>> = {
  ERR_CONNECTION_UNKNOWN: 'ERR_GIT_CONNECTION',
  ERR_POLICY_DENIED: 'ERR_GIT_FETCH_DENIED',
}
