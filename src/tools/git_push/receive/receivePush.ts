import { GateError } from '../../../errors.ts'
import { findCollision, isAgentRef } from '../branchName.ts'
import type { Git } from '../git/git.ts'
import type { GitConfig } from '../git/gitEnvironment.ts'
import type { AgentSpace } from '../git/repositories.ts'
import { refuseSecretNames } from '../judgePush.ts'
import type { OpenConnection } from '../openConnections.ts'
import type { FindSecrets } from '../scanObjects.ts'
import { type CommandList, isZero, pktLine, readCommands, refusedReport } from './commandList.ts'
import type { GitExchange, ReceivedRef } from './exchange.ts'
import { type BodyReader, endAnswer, openBody, serveGit } from './serveGit.ts'

/** A push may take so long in all; a client that only trickles is given up earlier. */
const LONGEST_MS = 15 * 60_000
/** A copy of this age still tells a client well enough what it need not send. */
const COPY_AGE_MS = 30_000
/** An oid and a name for each branch, and what stands around them. */
const COMMANDS_BYTES = 64 * 1024

/**
 * Takes a plain `git push` into the caller's own repository here. Which branches it names is checked before git is
 * started; objects are checked and counted in quarantine, and are gone when anything is wrong with them. Nothing of
 * this reaches the server of the connection.
 *
 * @returns what changed
 * @throws GateError ERR_GIT_LIMIT, ERR_BODY_MALFORMED, ERR_CANCELLED, ERR_TARGET_*
 */
export async function receivePush(
  connection: OpenConnection,
  space: AgentSpace,
  exchange: GitExchange,
  findSecrets: FindSecrets,
): Promise<readonly ReceivedRef[]> {
  if (exchange.step === 'refs') {
    await connection.repositories.copy(COPY_AGE_MS)
    await advertise(space.git, exchange)
    return []
  }
  const { maxPack } = connection.settings.limits
  const body = openBody(exchange.body, maxPack + COMMANDS_BYTES)
  const list = await readCommands(() => body.next())
  // A client that has much to send asks first whether it may.
  if (list.commands.length === 0) {
    await endAnswer(exchange.begin(answerHeaders(exchange)))
    return []
  }
  return space.exclusively(() => receive(connection, space, exchange, list, body, findSecrets))
}

async function receive(
  { settings: { limits } }: OpenConnection,
  space: AgentSpace,
  exchange: GitExchange,
  list: CommandList,
  body: BodyReader,
  findSecrets: FindSecrets,
): Promise<readonly ReceivedRef[]> {
  await space.dropUnfinished()
  const before = await readRefs(space.git)
  const room = limits.maxPack - (await space.usage())
  const refusal = refusalOf(list, before, limits.maxBranches, room, findSecrets)
  if (refusal !== undefined) {
    await discard(body)
    const answer = exchange.begin(answerHeaders(exchange))
    answer.write(refusedReport(list, refusal))
    await endAnswer(answer)
    return []
  }
  let first: Buffer | undefined = list.bytes
  let answer: ReturnType<GitExchange['begin']> | undefined
  try {
    await serveGit(space.git.programs, {
      args: ['receive-pack', '--stateless-rpc', space.git.dir],
      config: receiveConfig(room),
      limits: { memory: 2 * 1024 ** 3, fileSize: 2 * limits.maxPack },
      timeoutMs: LONGEST_MS,
      signal: exchange.signal,
      async input() {
        const piece = first ?? (await body.next())
        first = undefined
        return piece
      },
      begin: () => (answer = exchange.begin(answerHeaders(exchange))),
    })
    // git may have said no before it read everything; a client reads the answer when it has sent all.
    await discard(body)
    answer ??= exchange.begin(answerHeaders(exchange))
    await endAnswer(answer)
  } finally {
    await space.dropUnfinished()
  }
  await space.touch()
  return changedRefs(before, await readRefs(space.git))
}

/** No branch is taken unless all are: half a push helps nobody. */
function refusalOf(
  { commands }: CommandList,
  before: ReadonlyMap<string, string>,
  maxBranches: number,
  room: number,
  findSecrets: FindSecrets,
): string | undefined {
  const refs = commands.map(({ ref }) => ref)
  if (!refs.every(isAgentRef))
    return 'only refs/heads/agent/<name> is taken here; git_push then moves a branch of the repository'
  if (new Set(refs).size !== refs.length) return 'a branch is named twice'
  try {
    refuseSecretNames(refs, findSecrets)
  } catch {
    return 'a branch name looks like a secret'
  }
  const after = new Map(before)
  for (const { ref, to } of commands) {
    if (isZero(to)) after.delete(ref)
    else after.set(ref, to)
  }
  if (refs.some((ref) => after.has(ref) && findCollision(ref, [...after.keys()]) !== undefined)) {
    return 'a branch of yours has this name in other letters'
  }
  if (after.size > maxBranches && after.size > before.size)
    return `you keep ${before.size} branches here already: delete some`
  if (room <= 0 && commands.some(({ to }) => !isZero(to))) return 'you keep too much here already: delete branches'
  return undefined
}

function receiveConfig(room: number): GitConfig {
  return {
    'transfer.fsckObjects': 'true',
    'receive.fsckObjects': 'true',
    'receive.maxInputSize': String(Math.max(room, 1)),
    // Always as a pack: single objects would be unpacked in memory.
    'receive.unpackLimit': '1',
    'transfer.unpackLimit': '1',
    'receive.advertisePushOptions': 'false',
    'receive.shallowUpdate': 'false',
    'receive.updateServerInfo': 'false',
    // What an agent does to its own branches here is its own business.
    'receive.denyDeletes': 'false',
    'receive.denyNonFastForwards': 'false',
    'core.logAllRefUpdates': 'false',
    ...FSCK,
  }
}

/** Worse than git thinks: each makes two readers of one tree or commit see different things. */
const FSCK: GitConfig = Object.fromEntries(
  [
    'nulInCommit',
    'zeroPaddedFilemode',
    'badFilemode',
    'nullSha1',
    'emptyName',
    'fullPathname',
    'hasDot',
    'hasDotdot',
  ].flatMap((id) => [
    [`fsck.${id}`, 'error'],
    [`receive.fsck.${id}`, 'error'],
  ]),
)

async function advertise(git: Git, exchange: GitExchange): Promise<void> {
  let answer: ReturnType<GitExchange['begin']> | undefined
  const { code } = await serveGit(git.programs, {
    args: ['receive-pack', '--stateless-rpc', '--advertise-refs', git.dir],
    config: receiveConfig(1),
    timeoutMs: 60_000,
    signal: exchange.signal,
    input: async () => undefined,
    begin: () => (answer = beginAdvertisement(exchange)),
  })
  if (answer === undefined || code !== 0)
    throw new GateError('ERR_INTERNAL', { cause: new Error('git could not list branches') })
  await endAnswer(answer)
}

/** The first lines of an answer to `info/refs` (gitprotocol-http). */
export function beginAdvertisement(exchange: GitExchange) {
  const answer = exchange.begin({ 'content-type': `application/x-${exchange.service}-advertisement` })
  // Version 2 begins with its capabilities.
  const isPlain = exchange.service === 'git-receive-pack' || exchange.protocol !== 'version=2'
  if (isPlain) answer.write(Buffer.concat([pktLine(`# service=${exchange.service}\n`), Buffer.from('0000')]))
  return answer
}

export function answerHeaders({ service }: GitExchange): Readonly<Record<string, string>> {
  return { 'content-type': `application/x-${service}-result` }
}

async function discard(body: BodyReader): Promise<void> {
  while ((await body.next()) !== undefined);
}

async function readRefs(git: Git): Promise<ReadonlyMap<string, string>> {
  const text = await git.text(['for-each-ref', '--format=%(objectname) %(refname)'])
  return new Map(
    (text === '' ? [] : text.split('\n')).map((line): [string, string] => [
      line.slice(line.indexOf(' ') + 1),
      line.slice(0, line.indexOf(' ')),
    ]),
  )
}

function changedRefs(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly ReceivedRef[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((ref) => ({ ref, from: before.get(ref) ?? '', to: after.get(ref) ?? '' }))
    .filter(({ from, to }) => from !== to)
}
