/**
 * The composition root of a running gateway: the only place that chooses adapters. Everything is opened in the order
 * in which it is needed to fail closed: configuration, store, trail, recovery, and only then the listener.
 */
import type { Logger } from 'pino'
import { continueTrail } from './adapters/continueTrail.ts'
import { createReadSecret } from './adapters/secrets.ts'
import { openSqliteStore } from './adapters/sqliteStore.ts'
import { openRefusalCounter } from './audit/refusals.ts'
import { openSessions } from './audit/session.ts'
import { loadGate, type Reloaded, startLiveConfig } from './config/liveConfig.ts'
import type { Config } from './config/loadConfig.ts'
import { GATE_TOOLS } from './gateTools/gateTools.ts'
import { announcementsOf } from './gateway/announcements.ts'
import { chooseMetrics } from './gateway/chooseMetrics.ts'
import { type Closing, closeAll } from './gateway/closeAll.ts'
import { openCredentialBook } from './gateway/credentialBook.ts'
import { errorFacts } from './gateway/errorFacts.ts'
import { gitRoute } from './gateway/gitRoute.ts'
import { inForceOf, namerOf } from './gateway/inForce.ts'
import { learnSecrets } from './gateway/learnSecrets.ts'
import { openApprovals } from './gateway/openApprovals.ts'
import { openKeys } from './gateway/openKeys.ts'
import { openSurfaces } from './gateway/openSurfaces.ts'
import { openVerifier } from './gateway/openVerifier.ts'
import { recordPolicies, recordStart } from './gateway/recordStart.ts'
import type { Recovered } from './gateway/recoverCalls.ts'
import { reportProblems } from './gateway/reportProblems.ts'
import { healthRoute } from './gateway/routes.ts'
import { serveMcp } from './gateway/serveMcp.ts'
import { suspendLeaks } from './gateway/suspendLeaks.ts'
import { sweepApprovals } from './gateway/sweepApprovals.ts'
import { watchConnections } from './gateway/watchConnections.ts'
import { findSecrets } from './masking/findSecrets.ts'
import { DEFAULT_LIMITS, type HttpLimits } from './mcp/createHttpServer.ts'
import type { Gates } from './pipeline/gates.ts'
import { openTools } from './tools/openTools.ts'

export interface GatewayOptions {
  readonly configPath: string
  readonly log: Logger
  /** Names this instance in the trail and in leases. A second process with the same name is refused. */
  readonly replica?: string | undefined
  readonly limits?: Partial<HttpLimits> | undefined
}

export interface RunningGateway {
  readonly config: Config
  /** The MCP resource URL. */
  readonly url: string
  /** Settings that weaken the gate, by name. */
  readonly announcements: readonly string[]
  /** What the last run left open, and was closed before this one began. */
  readonly recovered: Recovered
  /** Reads policies and connections again; what does not load leaves the old ones in force. */
  reload(): Promise<Reloaded>
  /** Stops listening, lets running calls end, closes the trail. May be called twice. */
  stop(reason: 'signal' | 'request' | 'error'): Promise<void>
}

/** Starts a gateway from its configuration file. Rejects with a coded GateError, and then nothing is left open. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const closing: Closing = []
  try {
    return await open(options, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

async function open(
  { configPath, log, replica = 'gate', limits: changedLimits }: GatewayOptions,
  closing: Closing,
): Promise<RunningGateway> {
  const problem = reportProblems(log)
  const limits = { ...DEFAULT_LIMITS, ...changedLimits }

  // What is in force, and the tools that look at it
  const book = openCredentialBook(createReadSecret(process.env))
  const tools = openTools({
    readSecret: book.readSecret,
    alsoSecret: book.add,
    connections: () => live.current().config.connections,
    findSecrets: (text) => [...book.detector.find(text), ...findSecrets(text)],
  })
  closing.push(() => tools.close())
  const { lookUpOutcome } = tools
  const first = await loadGate(configPath, tools.tools)
  const live = startLiveConfig(first, tools.tools)
  const { config } = first
  const announcements = announcementsOf(config)
  for (const announcement of announcements) log.warn(announcement)
  await learnSecrets(config, { book, tools, log })
  const metrics = await chooseMetrics(config, tools.tools)

  // What must survive a crash
  const store = openSqliteStore(config.approvals.store.sqlite)
  closing.push(() => store.close())
  const { digestKey, signingKey } = await openKeys(config, book)
  const ownTrail = await continueTrail({
    ...{ settings: config.audit, replica, key: signingKey, store },
    onProblem: (what, cause) => problem(what)(cause),
  })
  const trail = metrics.watchTrail(ownTrail)
  closing.push(() => trail.close())
  const nameGroup = namerOf(live)
  let wakeSurfaces = () => {}
  const { approvals, lease, recovered } = await openApprovals(
    { config, replica, store, trail, nameGroup, lookUpOutcome, onNews: () => wakeSurfaces(), problem },
    closing,
  )
  await recordStart(trail, { replica, gate: first, announcements })

  // What a call passes
  const verifier = openVerifier({ live, readSecret: book.readSecret, log })
  closing.push(() => verifier.close())
  const refusals = openRefusalCounter(trail)
  closing.push(() => refusals.close())
  const gates: Gates = {
    verifyToken: metrics.watchTokens(verifier.verify),
    inForce: inForceOf(live),
    tools: tools.tools.map(metrics.watchTool),
    gateTools: GATE_TOOLS,
    approvals,
    digestKey,
    maskerFor: suspendLeaks(book.detector, store, trail, problem('a caller could not be suspended')),
    record: { trail, refusals, sessionOf: openSessions(), nameGroup },
    inlineWaitMs: () => approvals.rules().inlineWaitMs,
    onBug: (callId, error) => log.error({ call: callId, ...errorFacts(error) }, 'unexpected failure'),
  }

  // What goes on in the background
  const stopSweeping = sweepApprovals({
    ...{ approvals, lease, lookUpOutcome, keepClosed: config.approvals.keepClosed },
    onProblem: problem('approvals could not be swept'),
  })
  closing.push(stopSweeping)
  const watch = watchConnections({
    selfTest: tools.selfTest,
    connections: () => Object.keys(live.current().config.connections),
    ...{ trail, masker: gates.maskerFor(undefined), log },
  })
  closing.push(watch.stop)
  metrics.watch({ store, trail, connections: watch.counts })

  // Where people and agents come to it
  const surfaces = await openSurfaces(
    { config, gates, store, lease, verifier, book, signingKey, limits, problem, log },
    closing,
  )
  wakeSurfaces = surfaces.wake
  const routes = [
    healthRoute({ trail, isLeaseLive: lease.isLive, identity: verifier.ready, connections: watch.counts }),
    gitRoute(tools.git, gates),
    ...surfaces.routes,
  ]
  const served = await serveMcp({ config, gates, metrics, routes, limits, problem, log }, closing)

  return {
    config,
    url: config.server.publicUrl,
    announcements,
    recovered,
    async reload() {
      const reloaded = await live.reload()
      if (!reloaded.ok) return reloaded
      await recordPolicies(trail, reloaded.now)
      await learnSecrets(reloaded.now.config, { book, tools, log })
      tools.reconnect()
      served.toolsChanged()
      return reloaded
    },
    async stop(reason) {
      watch.stop()
      const drained = served.drain()
      surfaces.closePages()
      await drained
      await surfaces.close()
      await refusals.close()
      const stopped = trail.append({ event: 'gateway.stopped', replica, reason })
      await stopped.catch(problem('the stop could not be recorded'))
      await closeAll(closing)
    },
  }
}
