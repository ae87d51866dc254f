import type { Json, Operation } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { Understanding } from '../../tool.ts'
import type { OpenConnection } from '../openConnections.ts'
import type { GitExchange } from './exchange.ts'
import { answerHeaders, beginAdvertisement } from './receivePush.ts'
import { endAnswer, openBody, serveGit } from './serveGit.ts'

/** What a client asks for is a list of ids. */
const MAX_REQUEST = 8 * 1024 ** 2
const LONGEST_MS = 30 * 60_000
/** The refs are asked for first, and brought up to date then. */
const COPY_AGE_MS = 10_000

/**
 * Reading the repository with plain git, as an operation of its own: everything that is on a branch goes to the agent,
 * past the mask, because git checks what it gets by its hash.
 */
export function understandFetch(connection: OpenConnection, exchange: GitExchange): Understanding {
  const { name, settings } = connection
  const operation: Operation = { operation: 'fetch', otherwise: 'deny', facts: {} }
  const target: Json = { connection: name, url: settings.url, user: settings.user }
  return {
    effect: 'read',
    operations: [operation],
    judged: { service: exchange.service, step: exchange.step },
    target,
    request: [
      { name: 'fetch', text: exchange.step === 'refs' ? 'list branches' : 'read objects', hidden: [], literals: [] },
    ],
    preview: async () => undefined,
    async execute() {
      const bytes = await serve(connection, exchange)
      return {
        table: undefined,
        facts: { step: exchange.step, bytes },
        command: 'fetch',
        rowsChanged: undefined,
        truncated: false,
        caps: { maxRows: 1, maxBytes: 1_024 },
        masked: [],
      }
    },
    release: async () => {},
  }
}

async function serve({ repositories }: OpenConnection, exchange: GitExchange): Promise<number> {
  const copy = await repositories.copy(exchange.step === 'refs' ? COPY_AGE_MS : Number.POSITIVE_INFINITY)
  const body = openBody(exchange.body, MAX_REQUEST)
  const isRefs = exchange.step === 'refs'
  let answer: ReturnType<GitExchange['begin']> | undefined
  const { code, sent } = await serveGit(copy.programs, {
    args: ['upload-pack', '--stateless-rpc', ...(isRefs ? ['--advertise-refs'] : []), copy.dir],
    config: { 'uploadpack.keepAlive': '5', 'uploadpack.hideRefs': 'refs/keep' },
    ...(isVersion(exchange.protocol) && { env: { GIT_PROTOCOL: exchange.protocol } }),
    timeoutMs: LONGEST_MS,
    signal: exchange.signal,
    input: () => (isRefs ? Promise.resolve(undefined) : body.next()),
    begin: () => {
      answer = isRefs ? beginAdvertisement(exchange) : exchange.begin(answerHeaders(exchange))
      return answer
    },
  })
  answer ??= exchange.begin(answerHeaders(exchange))
  await endAnswer(answer)
  if (code !== 0) throw new GateError('ERR_GIT_LIMIT', { detail: 'The repository could not be read as asked.' })
  return sent
}

/** Nothing else of the header reaches git's environment. */
function isVersion(protocol: string | undefined): protocol is string {
  return protocol === 'version=2' || protocol === 'version=1'
}
