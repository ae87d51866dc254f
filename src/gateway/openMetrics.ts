import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { TrailEvent } from '../audit/event.ts'
import type { VerifyToken } from '../identity/authenticate.ts'
import type { Front } from '../mcp/ports.ts'
import type { Tool } from '../tools/tool.ts'
import type { Metrics, Watched } from './metrics.ts'

/** Seconds. A call that waits for people takes as long as they do, and is told apart by its status. */
const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const STAGE_BUCKETS = CALL_BUCKETS.slice(0, 12)

/** Of these, more are counted as this many: reading metrics must not become work. */
const MOST_OPEN = 1_000
const OPEN_STATES = ['pending', 'approved', 'executing'] as const

/**
 * Counts what passes the ports of a gateway, in the format of Prometheus. Labels are words of this program (a status, a
 * code, the name of a tool that exists): no caller, no connection, nothing that a client chose, no secret.
 *
 * @param toolNames every tool there is; any other name is counted as `unknown`
 */
export function openMetrics(toolNames: readonly string[]): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const known = new Set(toolNames)
  const toolOf = (name: string) => (known.has(name) ? name : 'unknown')
  collectDefaultMetrics({ register: registry })

  const calls = new Counter({
    ...{ name: 'countersign_calls_total', help: 'Tool calls by how they were answered.', registers },
    labelNames: ['tool', 'status', 'code'],
  })
  const callSeconds = new Histogram({
    ...{ name: 'countersign_call_duration_seconds', help: 'Time to the answer, with the wait for people.', registers },
    ...{ labelNames: ['tool', 'status'], buckets: CALL_BUCKETS },
  })
  const stageSeconds = new Histogram({
    ...{ name: 'countersign_stage_duration_seconds', help: 'Time in one stage of a call.', registers },
    ...{ labelNames: ['stage'], buckets: STAGE_BUCKETS },
  })
  const decisions = new Counter({
    ...{ name: 'countersign_decisions_total', help: 'Judgements by what policy said.', registers },
    labelNames: ['tool', 'action'],
  })
  const refusals = new Counter({
    ...{ name: 'countersign_refusals_total', help: 'Requests turned away before they were a call.', registers },
    labelNames: ['code'],
  })
  const appends = new Counter({
    ...{ name: 'countersign_trail_events_total', help: 'Events given to the trail.', registers },
    labelNames: ['event'],
  })
  const failures = new Counter({
    ...{ name: 'countersign_trail_failures_total', help: 'Events that the trail did not take.', registers },
  })

  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now()
    try {
      return await work()
    } finally {
      stageSeconds.observe({ stage }, (performance.now() - began) / 1000)
    }
  }
  const countEvent = (event: TrailEvent): void => {
    appends.inc({ event: event.event })
    if (event.event === 'call.decided') decisions.inc({ tool: toolOf(event.tool), action: event.decision.action })
  }

  return {
    watchTrail: (trail) => ({
      ...trail,
      append(event) {
        countEvent(event)
        const appended = timed('record', () => trail.append(event))
        appended.catch(() => failures.inc())
        return appended
      },
      appendBuffered(event) {
        countEvent(event)
        trail.appendBuffered(event)
      },
    }),
    watchTool: (tool): Tool => ({
      ...tool,
      async understand(...given) {
        const understanding = await timed('understand', () => tool.understand(...given))
        return { ...understanding, execute: (...more) => timed('execute', () => understanding.execute(...more)) }
      },
    }),
    watchTokens:
      (verify): VerifyToken =>
      (token) =>
        timed('authenticate', () => verify(token)),
    watchFront: (front): Front => ({
      ...front,
      async call(call, waiter) {
        const began = performance.now()
        const answer = await front.call(call, waiter)
        const labels = { tool: toolOf(call.tool), status: answer.status }
        calls.inc({ ...labels, code: answer.code ?? '' })
        callSeconds.observe(labels, (performance.now() - began) / 1000)
        return answer
      },
      recordRefusal(refusal) {
        refusals.inc({ code: refusal.code })
        front.recordRefusal(refusal)
      },
    }),
    watch: (watched) => addGauges(registry, watched),
    contentType: registry.contentType,
    read: () => registry.metrics(),
  }
}

/** What is asked for when it is read. A store that cannot be read leaves its numbers out and the others in. */
function addGauges(registry: Registry, { store, connections, trail }: Watched): void {
  const registers = [registry]
  new Gauge({
    ...{ name: 'countersign_approvals', help: 'Requests for approval that are open, by state.', registers },
    labelNames: ['state'],
    async collect() {
      const open = await store.list(OPEN_STATES, MOST_OPEN).catch(() => undefined)
      this.reset()
      if (open === undefined) return
      for (const state of OPEN_STATES) this.set({ state }, open.filter((approval) => approval.state === state).length)
    },
  })
  new Gauge({
    ...{ name: 'countersign_connections', help: 'Connections, by what the last look at them found.', registers },
    labelNames: ['state'],
    collect() {
      for (const [state, count] of Object.entries(connections())) this.set({ state }, count)
    },
  })
  new Gauge({
    ...{ name: 'countersign_trail_writable', help: '1 while an intent could be recorded.', registers },
    collect() {
      this.set(trail.isWritable() ? 1 : 0)
    },
  })
}
