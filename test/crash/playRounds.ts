import { setTimeout as sleep } from 'node:timers/promises'
import type { TrailRecord } from '../../src/audit/event.ts'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import type { CrashGate, Run } from './crashGate.ts'

/** One call that is killed on its way, by the place where that happens. */
export interface Round {
  /** `gated`: an UPDATE that a person approves. `allowed`: an INSERT with an idempotency key. */
  readonly kind: 'gated' | 'allowed'
  /** A point of gateProcess.mjs, or milliseconds after which the process is killed from outside. */
  readonly at: string | number
  /** Whether the call waits for people in the request, or is collected with await_approval. */
  readonly waits?: boolean
  /** A point at which the next start is killed too: a crash in the middle of the recovery. */
  readonly again?: string
}

export interface Counts {
  kills: number
  executed: number
  /** Rounds whose process was still alive at the end: the point was never reached. */
  readonly missed: string[]
  readonly executionsWithoutIntent: string[]
  readonly doubleExecutions: string[]
  readonly neverExecuted: string[]
  readonly lostApprovals: string[]
  readonly brokenTrails: string[]
  readonly wrongOutcomes: string[]
}

/** Plays every round on one gate, each with an agent and a row of its own, and counts what must not happen. */
export async function playRounds(gate: CrashGate, rounds: readonly Round[]): Promise<Counts> {
  const counts: Counts = {
    kills: 0,
    executed: 0,
    missed: [],
    executionsWithoutIntent: [],
    doubleExecutions: [],
    neverExecuted: [],
    lostApprovals: [],
    brokenTrails: [],
    wrongOutcomes: [],
  }
  for (const [index, round] of rounds.entries()) await playRound(gate, index + 1, round, counts)
  await compareWithDatabase(gate, counts)
  return counts
}

const describe = (agent: number, { kind, at, again }: Round) => `${agent} ${kind} ${at}${again ? ` then ${again}` : ''}`

async function playRound(gate: CrashGate, agent: number, round: Round, counts: Counts): Promise<void> {
  const name = describe(agent, round)
  const first = await started(gate, round.waits === true ? '30s' : '0s')
  if (typeof round.at === 'string') await first.arm(round.at)
  const token = await gate.token(agent)
  const seen: Seen = { id: undefined, approved: undefined }
  const gone = new AbortController()
  void first.ended.then(() => gone.abort())
  const play = playCall(gate, agent, token, round, seen, gone)
  if (typeof round.at === 'number') void sleep(round.at).then(first.kill)
  await Promise.race([play, first.ended])
  // The answer may have come before the last record was written.
  const signal = await Promise.race([first.ended, sleep(1_000).then(() => undefined)])
  if (signal === 'SIGKILL') counts.kills += 1
  else counts.missed.push(name)
  first.kill()
  await first.ended
  await play

  if (round.again !== undefined) {
    const between = await gate.start({ point: round.again })
    if (between === undefined) counts.kills += 1
    else counts.missed.push(`${name} (the second)`)
    await between?.stop()
  }
  const second = await started(gate, '0s')
  await checkApproval(gate, seen, name, counts)
  const broken = await gate.verify()
  if (broken !== undefined) counts.brokenTrails.push(`${name}: ${broken}`)
  const answer = await finish(gate, agent, token, round)
  if (answer.status === 'ok') counts.executed += 1
  else counts.wrongOutcomes.push(`${name}: ${answer.status} ${answer.code} ${answer.message}`)
  await second.stop()
}

async function started(gate: CrashGate, inlineWait: string): Promise<Run> {
  const run = await gate.start({ inlineWait })
  if (run === undefined) throw new Error('the gateway did not start')
  return run
}

/** What the outside was told before the crash. */
interface Seen {
  id: string | undefined
  approved: string | undefined
}

/** The agent's call and the reviewer's vote, until somebody is cut off. */
async function playCall(
  gate: CrashGate,
  agent: number,
  token: string,
  round: Round,
  seen: Seen,
  gone: AbortController,
): Promise<void> {
  const vote = round.kind === 'gated' ? gate.approve(agent, gone.signal) : Promise.resolve(undefined)
  const voted = vote.then((view) => {
    seen.approved = view?.id
  })
  try {
    const answer = await send(gate, agent, token, round)
    seen.id = answer.approval_id
    if (answer.status === 'pending_approval') {
      await voted
      await gate.call(token, 'await_approval', { approval_id: answer.approval_id ?? '' })
    }
  } catch {
    // Cut off.
  }
  gone.abort()
  await voted
}

function send(gate: CrashGate, agent: number, token: string, { kind }: Round): Promise<ToolAnswer> {
  const sql = sqlOf(agent, kind)
  const key = kind === 'allowed' ? { idempotency_key: `once-${agent}` } : {}
  return gate.call(token, 'run_sql', { connection: 'prod-maintenance', sql, ...key })
}

const sqlOf = (agent: number, kind: Round['kind']) =>
  kind === 'gated' ? `UPDATE counters SET n = n + 1 WHERE id = ${agent}` : `INSERT INTO ledger VALUES (${agent})`

/** What anybody was told about before the crash must still be so. */
async function checkApproval(gate: CrashGate, { id, approved }: Seen, name: string, counts: Counts): Promise<void> {
  for (const told of new Set([id, approved])) {
    if (told === undefined) continue
    const { state } = (await gate.stored(told)) ?? { state: 'gone' }
    const isKept = told === approved ? ['approved', 'executed', 'failed'].includes(state) : state !== 'gone'
    if (!isKept) counts.lostApprovals.push(`${name}: ${told} is ${state}`)
  }
}

/** The agent comes back with the same call, as often as it is told to, and the reviewer approves what is open. */
async function finish(gate: CrashGate, agent: number, token: string, round: Round): Promise<ToolAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    let answer = await send(gate, agent, token, round)
    if (answer.status === 'pending_approval') {
      await gate.approve(agent, AbortSignal.timeout(5_000))
      answer = await gate.call(token, 'await_approval', { approval_id: answer.approval_id ?? '' })
    }
    if (answer.status === 'ok' || attempt === 4) break
  }
  // Once more: an executed call answers with what it did.
  return send(gate, agent, token, round)
}

/** Every row that changed, and every call that started, against each other. */
async function compareWithDatabase(gate: CrashGate, counts: Counts): Promise<void> {
  const last = await started(gate, '0s')
  await last.stop()
  const trail = await gate.readTrail()
  const calls = readCalls(trail)
  const rows = await gate.database.admin(`
    SELECT 'gated' AS kind, id, n::int AS times, xmin::text AS txid FROM counters WHERE n > 0
    UNION ALL SELECT 'allowed', id, count(*)::int, max(xmin::text) FROM ledger GROUP BY id`)
  for (const { kind, id, times, txid } of rows) {
    const sql = sqlOf(Number(id), kind as Round['kind'])
    if (Number(times) !== 1) counts.doubleExecutions.push(`${sql}: ${times} times`)
    const intent = [...calls.values()].find((call) => call.txid === txid && call.sql === sql && call.startedFirst)
    if (intent === undefined) counts.executionsWithoutIntent.push(sql)
  }
  if (rows.length !== counts.executed) counts.neverExecuted.push(`${counts.executed} answered ok, ${rows.length} ran`)

  for (const [id, { txid, ends }] of calls) {
    const [{ status } = { status: null }] =
      txid === undefined ? [] : await gate.database.admin('SELECT pg_xact_status($1::text::xid8) AS status', [txid])
    const wanted = status === 'committed' ? 'executed' : 'failed'
    if (ends.length !== 1 || ends[0] !== wanted) {
      counts.wrongOutcomes.push(`${id}: recorded ${ends.join(', ')}, the transaction is ${status}`)
    }
  }
}

interface StartedCall {
  readonly sql: string | undefined
  /** The intent was written before the reference of the transaction. */
  startedFirst: boolean
  txid: string | undefined
  readonly ends: string[]
}

function readCalls(trail: readonly TrailRecord[]): Map<string, StartedCall> {
  const calls = new Map<string, StartedCall>()
  const texts = new Map<string, string | undefined>()
  for (const record of trail) {
    if (record.event === 'call.decided') texts.set(record.call, record.request?.sql)
    if (record.event === 'call.started') {
      calls.set(record.call, { sql: texts.get(record.call), startedFirst: false, txid: undefined, ends: [] })
    }
    if (record.event === 'call.committing') {
      const call = calls.get(record.call)
      if (call === undefined) continue
      call.startedFirst = true
      call.txid = (record.outcome_ref as { txid: string }).txid
    }
    if (record.event === 'call.finished' && record.status !== 'answered') {
      calls.get(record.call)?.ends.push(record.status)
    }
  }
  return calls
}

/** The counts as one line for people. */
export function describeCounts(counts: Counts): string {
  const { kills, executed, executionsWithoutIntent, doubleExecutions, lostApprovals, brokenTrails, wrongOutcomes } =
    counts
  return [
    `${kills} kills, ${executed} calls executed in the end`,
    `executions without a durable intent ${executionsWithoutIntent.length}`,
    `double executions ${doubleExecutions.length}`,
    `approvals lost ${lostApprovals.length}`,
    `trails that do not verify ${brokenTrails.length}`,
    `outcomes that differ from the database ${wrongOutcomes.length}`,
  ].join('; ')
}
