import { dirname, join } from 'node:path'
import { openJsonlTrail } from '../src/adapters/jsonlTrail.ts'
import { createReadSecret } from '../src/adapters/secrets.ts'
import { openSqliteStore } from '../src/adapters/sqliteStore.ts'
import { loadOrCreateDigestKey } from '../src/approvals/digestKey.ts'
import { resolveApprovalRules } from '../src/approvals/settings.ts'
import { openRefusalCounter } from '../src/audit/refusals.ts'
import { openSessions } from '../src/audit/session.ts'
import { loadSigningKey } from '../src/audit/signingKey.ts'
import type { Trail } from '../src/audit/trail.ts'
import { loadGate, startLiveConfig } from '../src/config/liveConfig.ts'
import { GATE_TOOLS } from '../src/gateTools/gateTools.ts'
import { openCredentialBook } from '../src/gateway/credentialBook.ts'
import { groupIdsOf, inForceOf, namerOf } from '../src/gateway/inForce.ts'
import { createTokenVerifier } from '../src/identity/createTokenVerifier.ts'
import { createMasker } from '../src/masking/masker.ts'
import { newId } from '../src/newId.ts'
import type { Gates } from '../src/pipeline/gates.ts'
import { handleCall } from '../src/pipeline.ts'
import { openTools } from '../src/tools/openTools.ts'
import type { Tool } from '../src/tools/tool.ts'
import { ms, printTable, quantile } from './tables.ts'
import { READ, type Surroundings } from './workload.ts'

const STAGES = ['authenticate', 'understand', 'decide', 'intent', 'execute', 'mask', 'finish'] as const
type Stage = (typeof STAGES)[number]

/**
 * The pipeline of a real gateway, composed here so that its ports can be watched: the moment each stage hands over to the
 * next is when it calls or leaves a port. Nothing in the sources knows that it is measured.
 *
 * @param endToEnd the median of the same call over HTTP at one caller; what is not in the pipeline is the wire
 */
export async function benchStages(around: Surroundings, calls: number, endToEnd: number): Promise<void> {
  const marks = openMarks()
  const book = openCredentialBook(createReadSecret(process.env))
  const opened = openTools({
    readSecret: book.readSecret,
    alsoSecret: book.add,
    connections: () => live.current().config.connections,
  })
  const sql = opened.tools.find(({ name }) => name === 'run_sql')
  if (sql === undefined) throw new TypeError('there is no run_sql')
  const tool = watchTool(sql, marks.enter)
  const first = await loadGate(around.configPath, [tool])
  const live = startLiveConfig(first, [tool])
  const { config } = first
  const folder = join(around.dir, 'stages')
  const store = openSqliteStore(join(folder, 'stages.db'))
  const settings = { ...config.audit, dir: join(folder, 'audit') }
  const key = await loadSigningKey(settings.dir, undefined, book.readSecret)
  const trail = await openJsonlTrail({
    settings,
    replica: 'bench',
    key,
    saveHead: (head) => store.saveHead('bench', head),
    onProblem: (what) => console.error(what),
  })
  const lease = await store.acquireLease('bench', 3_600_000, Date.now())
  const rules = resolveApprovalRules(config.approvals, config.groups)
  const verifier = createTokenVerifier(config.identity, {
    readSecret: book.readSecret,
    policyGroupIds: groupIdsOf(live),
  })
  const watched = watchTrail(trail, marks.enter)
  const refusals = openRefusalCounter(trail)
  const gates: Gates = {
    verifyToken: verifier.verify,
    inForce: inForceOf(live),
    tools: [tool],
    gateTools: GATE_TOOLS,
    approvals: {
      store,
      rules: () => rules,
      lease: () => lease,
      recordEvent: async () => undefined,
      clock: () => Date.now(),
    },
    digestKey: loadOrCreateDigestKey(join(dirname(config.approvals.store.sqlite), 'digest.key')),
    maskerFor: () => createMasker(book.detector, () => undefined),
    record: { trail: watched, refusals, sessionOf: openSessions(), nameGroup: namerOf(live) },
    inlineWaitMs: () => 0,
    onBug: (_, error) => console.error(error),
  }
  const waiter = { signal: new AbortController().signal, progress: async () => undefined }
  const call = async () => {
    marks.enter('authenticate')
    const answer = await handleCall(
      {
        id: newId('call'),
        tool: 'run_sql',
        args: { connection: 'prod-maintenance', sql: READ },
        credential: around.token,
        receivedAt: new Date(),
        agent: { name: 'bench', version: '1', conversation: undefined, traceparent: undefined },
        address: '127.0.0.1',
      },
      gates,
      waiter,
    )
    marks.leave()
    if (answer.status !== 'ok') throw new Error(`the call was answered with ${answer.status}: ${answer.code}`)
  }
  try {
    for (let index = 0; index < calls / 2; index += 1) await call()
    marks.forget()
    for (let index = 0; index < calls; index += 1) await call()
    const medians = STAGES.map((stage) => ({
      stage,
      median: marks.quantile(stage, 0.5),
      p95: marks.quantile(stage, 0.95),
    }))
    const inside = medians.reduce((sum, { median }) => sum + median, 0)
    const wire = endToEnd - inside
    const share = (part: number) => `${Math.round((100 * part) / endToEnd)} %`
    printTable(
      'Where the time of one read goes, at one caller',
      ['stage', 'p50 ms', 'p95 ms', 'of the call'],
      [
        ...medians.map(({ stage, median, p95 }) => [stage, ms(median), ms(p95), share(median)]),
        ['wire (HTTP, MCP SDK, JSON, client)', ms(wire), '', share(wire)],
        ['all', ms(endToEnd), '', ''],
      ],
    )
  } finally {
    await refusals.close()
    await trail.close()
    verifier.close()
    await opened.close()
    await store.close()
  }
}

function openMarks() {
  const samples = new Map<Stage, number[]>()
  let stage: Stage | undefined
  let since = 0
  const leave = () => {
    const now = performance.now()
    if (stage !== undefined) samples.set(stage, [...(samples.get(stage) ?? []), now - since])
    stage = undefined
    since = now
  }
  return {
    enter(next: Stage) {
      leave()
      stage = next
    },
    leave,
    forget: () => samples.clear(),
    quantile: (of: Stage, share: number) =>
      quantile(
        [...(samples.get(of) ?? [])].sort((a, b) => a - b),
        share,
      ),
  }
}

function watchTool(tool: Tool, enter: (stage: Stage) => void): Tool {
  return {
    ...tool,
    async understand(...given) {
      enter('understand')
      const understanding = await tool.understand(...given)
      enter('decide')
      return {
        ...understanding,
        async execute(...started) {
          enter('execute')
          const output = await understanding.execute(...started)
          enter('mask')
          return output
        },
      }
    },
  }
}

function watchTrail(trail: Trail, enter: (stage: Stage) => void): Trail {
  return {
    ...trail,
    append(event) {
      if (event.event === 'call.started') enter('intent')
      if (event.event === 'call.finished') enter('finish')
      return trail.append(event)
    },
  }
}
