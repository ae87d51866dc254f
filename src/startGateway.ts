/**
 * The composition root of a running gateway: the only place that chooses adapters. Everything is opened in the order
 * in which it is needed to fail closed: configuration, store, trail, recovery, and only then the listener.
 */
import type { Server } from 'node:http'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { openJsonlTrail } from './adapters/jsonlTrail.ts'
import { createReadSecret } from './adapters/secrets.ts'
import { openSqliteStore } from './adapters/sqliteStore.ts'
import { digestKeyFromSecret, loadOrCreateDigestKey } from './approvals/digestKey.ts'
import type { StateStore } from './approvals/ports.ts'
import { type RecordEvent, recordEvents } from './approvals/recordEvents.ts'
import { resolveApprovalRules } from './approvals/settings.ts'
import { openRefusalCounter } from './audit/refusals.ts'
import { openSessions } from './audit/session.ts'
import { loadSigningKey, type SigningKey } from './audit/signingKey.ts'
import type { Trail } from './audit/trail.ts'
import { type Gate, loadGate, type Reloaded, startLiveConfig } from './config/liveConfig.ts'
import type { Config } from './config/loadConfig.ts'
import { secretsOf } from './config/secretsOf.ts'
import { GateError } from './errors.ts'
import { GATE_TOOLS } from './gateTools/gateTools.ts'
import { announcementsOf } from './gateway/announcements.ts'
import { consoleRoutes } from './gateway/consoleRoutes.ts'
import { createFront } from './gateway/createFront.ts'
import { createLinkDesk } from './gateway/createLinkDesk.ts'
import { createRejudge } from './gateway/createRejudge.ts'
import { createUnmask } from './gateway/createUnmask.ts'
import { type CredentialBook, openCredentialBook } from './gateway/credentialBook.ts'
import { errorFacts } from './gateway/errorFacts.ts'
import { gitRoute } from './gateway/gitRoute.ts'
import { groupIdsOf, inForceOf, namerOf } from './gateway/inForce.ts'
import { type Metrics, NO_METRICS } from './gateway/metrics.ts'
import { openEmail } from './gateway/openEmail.ts'
import { openLease } from './gateway/openLease.ts'
import { openReviewDesk } from './gateway/openReviewDesk.ts'
import { openSlackReviews } from './gateway/openSlackReviews.ts'
import { openWebhooks } from './gateway/openWebhooks.ts'
import { readTrailProofs } from './gateway/readTrailProofs.ts'
import { recordApprovalEvents } from './gateway/recordApprovalEvents.ts'
import { type Recovered, recoverCalls, settleOrphans } from './gateway/recoverCalls.ts'
import { reviewRoute } from './gateway/reviewRoute.ts'
import { healthRoute, metadataRoute } from './gateway/routes.ts'
import { serveMetrics } from './gateway/serveMetrics.ts'
import { suspendLeaks } from './gateway/suspendLeaks.ts'
import { watchConnections } from './gateway/watchConnections.ts'
import { challengeFor } from './identity/challengeFor.ts'
import { createReviewerVerifier } from './identity/createReviewerVerifier.ts'
import { createTokenVerifier } from './identity/createTokenVerifier.ts'
import { challengeScope, protectedResourceMetadata } from './identity/protectedResourceMetadata.ts'
import { findSecrets } from './masking/findSecrets.ts'
import { createHttpServer, DEFAULT_LIMITS, type HttpLimits, type JsonRoute } from './mcp/createHttpServer.ts'
import { createMcpEndpoint } from './mcp/createMcpEndpoint.ts'
import type { PageRoute } from './mcp/pageRoute.ts'
import type { RawRoute } from './mcp/rawRoute.ts'
import { serverInfoOf } from './mcp/serverInfo.ts'
import type { StreamRoute } from './mcp/streamRoute.ts'
import type { Gates } from './pipeline/gates.ts'
import { openTools } from './tools/openTools.ts'
import type { Tool } from './tools/tool.ts'
import { VERSION } from './version.ts'

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

const SWEEP_MS = 5_000
/** How long running calls may go on after the stop was asked for. */
const DRAIN_MS = 10_000

/** Starts a gateway from its configuration file. Rejects with a coded GateError, and then nothing is left open. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const closing: (() => unknown)[] = []
  try {
    return await open(options, closing)
  } catch (error) {
    for (const close of closing.reverse()) await close()
    throw error
  }
}

async function open(
  { configPath, log, replica = 'gate', limits }: GatewayOptions,
  closing: (() => unknown)[],
): Promise<RunningGateway> {
  const problem = (what: string) => (error: unknown) => log.error(errorFacts(error), what)
  const clock = () => Date.now()

  // What is in force
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
  await readCredentials(config, book, log)
  await tools.learnCredentials()

  const metrics = await metricsFor(config, tools.tools)

  // What must survive a crash
  const store = openSqliteStore(config.approvals.store.sqlite)
  closing.push(() => store.close())
  const digestKey = await readDigestKey(config, book)
  const signingKey = await loadSigningKey(config.audit.dir, config.audit.signingKey, book.readSecret)
  rememberKeys(book, digestKey, signingKey)
  const trail = metrics.watchTrail(await openTrail(config, replica, store, signingKey, problem))
  closing.push(() => trail.close())
  const nameGroup = namerOf(live)
  const recordInTrail = recordApprovalEvents(trail, nameGroup)
  let wakeSurfaces = () => {}
  const recordEvent: RecordEvent = async (event, approval) => {
    await recordInTrail(event, approval)
    wakeSurfaces()
  }
  const lease = await openLease(
    store,
    replica,
    clock,
    problem('the lease ran out and is taken anew: what was executing is looked up'),
  )
  closing.push(lease.close)
  const rules = resolveApprovalRules(config.approvals, config.groups)
  const approvals = { store, rules: () => rules, lease: lease.current, recordEvent, clock }
  await recordEvents(store, recordEvent)
  const recovery = { auditDir: config.audit.dir, replica, trail, approvals, lease: lease.current() }
  const recovered = await recoverCalls({ ...recovery, lookUpOutcome })
  await recordStart(trail, replica, first, announcements)

  // The stages
  const verifier = createTokenVerifier(config.identity, {
    readSecret: book.readSecret,
    policyGroupIds: groupIdsOf(live),
  })
  closing.push(() => verifier.close())
  void verifier.ready().then((states) => {
    for (const { provider, problem: why } of states) {
      if (why !== undefined) log.warn({ provider, why }, 'the keys of an identity provider cannot be fetched')
    }
  })
  const refusals = openRefusalCounter(trail)
  closing.push(() => refusals.close())
  const maskerFor = suspendLeaks(book.detector, store, trail, problem('a caller could not be suspended'))
  const gates: Gates = {
    verifyToken: metrics.watchTokens(verifier.verify),
    inForce: inForceOf(live),
    tools: tools.tools.map(metrics.watchTool),
    gateTools: GATE_TOOLS,
    approvals,
    digestKey,
    maskerFor,
    record: { trail, refusals, sessionOf: openSessions(), nameGroup },
    inlineWaitMs: () => rules.inlineWaitMs,
    onBug: (callId, error) => log.error({ call: callId, ...errorFacts(error) }, 'unexpected failure'),
  }
  const rejudge = createRejudge(gates)
  const stopSweeping = repeat(
    SWEEP_MS,
    async () => {
      await store.sweep(clock())
      await store.forgetClosed(clock() - config.approvals.keepClosed)
      await settleOrphans({ approvals, lease: lease.current(), lookUpOutcome })
      await recordEvents(store, recordEvent)
    },
    problem('approvals could not be swept'),
  )
  closing.push(stopSweeping)

  const watch = watchConnections({
    selfTest: tools.selfTest,
    connections: () => Object.keys(live.current().config.connections),
    ...{ trail, masker: maskerFor(undefined), log },
  })
  closing.push(watch.stop)
  metrics.watch({ store, trail, connections: watch.counts })

  // The wire
  const { listen, publicUrl, allowedHosts, allowedOrigins } = config.server
  const resource = new URL(publicUrl)
  const metadata = protectedResourceMetadata(config.identity, publicUrl)
  const challenge = {
    resourceMetadataUrl: new URL(`/.well-known/oauth-protected-resource${resource.pathname}`, resource).href,
    scope: challengeScope(config.identity, publicUrl),
  }
  const routes: (JsonRoute | PageRoute | RawRoute | StreamRoute)[] = [
    metadataRoute(metadata, resource.pathname),
    healthRoute({ trail, isLeaseLive: lease.isLive, identity: verifier.ready, connections: watch.counts }),
    gitRoute(tools.git, gates),
  ]
  let closeConsole = () => {}
  const canLink = config.approvals.console?.enabled === true && config.approvals.slack?.linking === true
  const linkDesk = canLink ? createLinkDesk(store, trail, clock) : undefined
  const { reviewerApp } = config.approvals
  if (reviewerApp !== undefined) {
    const reviewers = createReviewerVerifier(reviewerApp, verifier)
    const countRefusal = (address: string, code: Parameters<typeof refusals.count>[1]) =>
      refusals.count(address, code, new Date(clock()))
    const lookUpGroups = verifier.groups.groupsNow
    const surface = { approvals, trail, lookUpGroups, masker: maskerFor(undefined), rejudge, nameGroup }
    const desk = openReviewDesk(surface, 'api')
    routes.push(reviewRoute({ desk, reviewers, countRefusal: (address, { code }) => countRefusal(address, code) }))
    if (config.approvals.console?.enabled === true) {
      const { route, console } = consoleRoutes({
        links: linkDesk,
        ...{ config, reviewerApp, reviewers, countRefusal, readSecret: book.readSecret },
        desk: openReviewDesk(surface, 'console'),
        ...{ trail, unmask: createUnmask(gates) },
        readProofs: () => readTrailProofs(signingKey, store),
        limits: { ...DEFAULT_LIMITS, ...limits },
        onProblem: problem('console'),
      })
      routes.push(route)
      closeConsole = console.close
    }
  }
  const linkTo = (id: string) =>
    config.approvals.console?.enabled === true ? new URL(`/console/requests/${id}`, resource).href : undefined
  const { slack: slackSettings } = config.approvals
  const slack =
    slackSettings &&
    (await openSlackReviews({
      ...{ config, settings: slackSettings, approvals, store, trail, nameGroup, log, readSecret: book.readSecret },
      ...{ lease: lease.current(), lookUpGroups: verifier.groups.groupsNow, masker: maskerFor(undefined) },
      ...{ linkTo, personWithAddress: verifier.groups.personWithAddress },
      linking: linkDesk && {
        ...linkDesk,
        urlFor: (token) => new URL(`/console/link/${token}`, resource).href,
      },
      rejudge,
      countRefusal: (address, code) => refusals.count(address, code, new Date(clock())),
    }))
  closing.push(() => slack?.close())
  const webhooks = await openWebhooks({
    ...{ receivers: config.approvals.webhooks, store, lease: lease.current(), trail, nameGroup, linkTo, clock, log },
    ...{ readSecret: book.readSecret, alsoSecret: book.add },
  })
  closing.push(webhooks.close)
  const { email: emailSettings } = config.approvals
  const email =
    emailSettings &&
    (await openEmail({
      ...{ settings: emailSettings, host: resource.hostname, store, lease: lease.current(), trail, nameGroup, linkTo },
      ...{ readSecret: book.readSecret, clock, log },
    }))
  closing.push(() => email?.close())
  wakeSurfaces = () => {
    slack?.wake()
    webhooks.wake()
    email?.wake()
  }
  if (slack?.route !== undefined) routes.push(slack.route)
  const front = metrics.watchFront(createFront(gates))
  const serverInfo = serverInfoOf(VERSION)
  const mcp = createMcpEndpoint(front, { serverInfo, onError: (error) => log.debug(errorFacts(error), 'mcp') })
  closing.push(() => mcp.close())
  const http = createHttpServer(
    { mcpPath: resource.pathname, allowedHosts, allowedOrigins, limits: { ...DEFAULT_LIMITS, ...limits } },
    {
      front,
      mcp,
      plainCalls: serverInfo,
      routes,
      challengeFor: (error) => challengeFor(error, challenge),
      onError: problem('http'),
    },
  )
  if (config.server.metrics !== undefined) {
    const served = await serveMetrics(metrics, config.server.metrics, problem('metrics'))
    closing.push(served.close)
  }
  await listenOn(http, listen)

  return {
    config,
    url: publicUrl,
    announcements,
    recovered,
    async reload() {
      const reloaded = await live.reload()
      if (!reloaded.ok) return reloaded
      await recordPolicies(trail, reloaded.now)
      await readCredentials(reloaded.now.config, book, log)
      await tools.learnCredentials()
      tools.reconnect()
      mcp.toolsChanged()
      return reloaded
    },
    async stop(reason) {
      watch.stop()
      // Streams of open pages would hold the server for as long as running calls may take.
      const drained = drain(http)
      closeConsole()
      await drained
      await Promise.all([slack?.close(), webhooks.close(), email?.close()])
      await refusals.close()
      const stopped = trail.append({ event: 'gateway.stopped', replica, reason })
      await stopped.catch(problem('the stop could not be recorded'))
      for (const close of closing.splice(0).reverse()) await close()
    },
  }
}

/** The library is loaded by those who asked for metrics. */
async function metricsFor({ server }: Config, tools: readonly Tool[]): Promise<Metrics> {
  if (server.metrics === undefined) return NO_METRICS
  const { openMetrics } = await import('./gateway/openMetrics.ts')
  return openMetrics([...tools, ...GATE_TOOLS].map(({ name }) => name))
}

/** Does the work again and again, each time after a pause, never two at once. Answers how to stop. */
function repeat(ms: number, work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const next = () => {
    if (stopped) return
    timer = setTimeout(() => void work().catch(onError).finally(next), ms)
    timer.unref()
  }
  next()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/** Reads every credential once, so that masking knows them before the first call, and a missing one is said at once. */
async function readCredentials({ connections }: Config, book: CredentialBook, log: Logger): Promise<void> {
  for (const { path, reference } of secretsOf(connections, 'connections')) {
    await book.readSecret(reference).catch((error: unknown) => {
      const facts = { secret: path, ...errorFacts(error) }
      log.error(facts, 'a credential cannot be read; calls that need it are refused')
    })
  }
}

/** Generated keys were not read as secrets, and are not to leave either. */
function rememberKeys(book: CredentialBook, digestKey: Uint8Array, { privateKey }: SigningKey): void {
  const bytes = Buffer.from(digestKey)
  book.add(bytes.toString('hex'))
  book.add(bytes.toString('base64'))
  book.add(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

async function readDigestKey({ approvals }: Config, book: CredentialBook): Promise<Uint8Array> {
  if (approvals.digestKey !== undefined) return digestKeyFromSecret(await book.readSecret(approvals.digestKey))
  return loadOrCreateDigestKey(join(dirname(approvals.store.sqlite), 'digest.key'))
}

async function openTrail(
  { audit }: Config,
  replica: string,
  store: StateStore,
  key: SigningKey,
  problem: (what: string) => (error: unknown) => void,
): Promise<Trail> {
  const known = await store.loadHead(replica)
  return openJsonlTrail({
    settings: audit,
    replica,
    key,
    saveHead: (head) => store.saveHead(replica, head),
    expectedHead: known && { replica, ...known },
    onProblem: (what, cause) => problem(what)(cause),
  })
}

async function recordStart(trail: Trail, replica: string, gate: Gate, announcements: readonly string[]): Promise<void> {
  const { host, port } = gate.config.server.listen
  const listen = `${host}:${port}`
  const { version: policy_version } = gate.policies
  const who = { replica, version: VERSION, node: process.version }
  await trail.append({ event: 'gateway.started', ...who, listen, policy_version, announcements })
  await recordPolicies(trail, gate)
}

async function recordPolicies(trail: Trail, { policies, config }: Gate): Promise<void> {
  const rules = policies.policies.reduce((sum, policy) => sum + policy.rules.length, 0)
  await trail.append({ event: 'policy.loaded', policy_version: policies.version, files: config.policyFiles, rules })
}

function listenOn(server: Server, { host, port }: Config['server']['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'another program listens there' : `it cannot be opened (${cause.code})`
      reject(new GateError('ERR_LISTEN', { detail: `${host}:${port}: ${why}.`, cause }))
    })
    server.listen(port, host, () => resolve())
  })
}

/** Takes no new connections, lets running calls end for a while, then closes what is left. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const impatient = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(impatient)
}
