import { answerCharge } from '../approvals/answerCharge.ts'
import type { Approval, ApprovalEvent, Lease } from '../approvals/approval.ts'
import { answersFor } from '../approvals/idempotency.ts'
import { MODIFICATION_WINDOW_MS } from '../approvals/modify.ts'
import { answerOpen, REQUEST_WINDOW_MS, RESULT_KEPT_MS } from '../approvals/openOrJoin.ts'
import type {
  Delivery,
  EventConsumer,
  IdempotentWrite,
  Revocation,
  RevocationKey,
  StateStore,
  TrailHead,
} from '../approvals/ports.ts'
import { summarize } from '../approvals/requestSummary.ts'
import { CLOSED_STATES } from '../approvals/reviewDesk.ts'
import { escalate, expire, forgetOutput, isOverdue, requestedEvent, type Transition } from '../approvals/transitions.ts'
import type { Decision, RatedRule } from '../call.ts'
import { GateError } from '../errors.ts'
import { createChangeSignal } from './changeSignal.ts'
import { memoryLinks } from './memoryLinks.ts'

/** A store that forgets everything with the process. For tests and trials; `forgets` says so. */
export function createMemoryStore(): StateStore {
  const approvals = new Map<string, Approval>()
  const events: ApprovalEvent[] = []
  const cursors = new Map<EventConsumer, number>()
  const leases = new Map<string, { epoch: number; until: number }>()
  const writes = new Map<string, IdempotentWrite>()
  const revocations: Revocation[] = []
  const uses: { readonly key: string; readonly at: number; readonly forgetAt: number }[] = []
  const heads = new Map<string, TrailHead>()
  const deliveries = new Map<string, Delivery>()
  const turns = new Map<string, { holder: string; until: number }>()
  const changed = createChangeSignal()

  // Copies at the border, as a database makes them: nobody shares an object with the store.
  const newest = () => [...approvals.values()].reverse()
  const latestOf = (callerKey: string, digest: string) => {
    let found = newest().find((one) => one.caller.key === callerKey && one.digest === digest)
    while (found?.replacement !== undefined) found = approvals.get(found.replacement.id)
    return found
  }
  const writeKey = (callerKey: string, key: string) => JSON.stringify([callerKey, key])
  const isLive = (lease: Lease | undefined, now: number) => {
    const row = lease && leases.get(lease.replica)
    return row !== undefined && row.epoch === lease?.epoch && now < row.until
  }
  const usesOf = (callerKey: string, { policy, rule, limit, windowMs }: RatedRule, now: number) => {
    const key = JSON.stringify([callerKey, policy, rule])
    const within = uses.filter((use) => use.key === key && use.at > now - windowMs).sort((a, b) => b.at - a.at)
    const last = within[limit - 1]
    return { times: within.length, freeAt: last && last.at + windowMs }
  }
  const charge = (callerKey: string, charges: Decision['charges'], now: number) => {
    const charged = answerCharge(charges, (rule) => usesOf(callerKey, rule, now))
    for (const { policy, rule, windowMs } of charged.ok ? charged.used : []) {
      uses.push({ key: JSON.stringify([callerKey, policy, rule]), at: now, forgetAt: now + windowMs })
    }
    return charged
  }
  const inForce = ({ kind, id }: RevocationKey) =>
    revocations.find((one) => one.kind === kind && one.id === id && one.undoneAt === undefined)
  const apply = (transition: Transition, before: Approval | undefined) => {
    if (!transition.ok || transition.approval === before) return false
    approvals.set(transition.approval.id, structuredClone(transition.approval))
    events.push(...structuredClone(transition.events))
    changed.notify()
    return true
  }

  return {
    forgets: true,
    ...memoryLinks(),

    async openOrJoin(candidate, terms, limits, now) {
      const mine = newest().filter((one) => one.caller.key === candidate.caller.key && one.modification === undefined)
      const answer = answerOpen(
        terms,
        {
          digest: candidate.digest,
          latest: latestOf(candidate.caller.key, candidate.digest),
          pending: mine.filter((one) => one.state === 'pending' && !isOverdue(one, now)).length,
          recent: mine.filter((one) => one.createdAt > now - REQUEST_WINDOW_MS).length,
        },
        limits,
        now,
      )
      switch (answer.kind) {
        case 'join':
          return { ok: true, approval: structuredClone(answer.approval), opened: false }
        case 'refuse':
          return { ok: false, code: answer.code }
        case 'open': {
          const charged = charge(candidate.caller.key, terms.charges ?? [], now)
          if (!charged.ok) return { ok: false, code: 'ERR_POLICY_RATE', charged }
          if (answer.close) apply(answer.close, undefined)
          const approval = { ...candidate, afterUnknown: answer.afterUnknown }
          apply({ ok: true, approval, events: [requestedEvent(approval)] }, undefined)
          return { ok: true, approval: structuredClone(approval), opened: true }
        }
      }
    },

    async get(id) {
      return structuredClone(approvals.get(id))
    },

    async latest(callerKey, digest) {
      return structuredClone(latestOf(callerKey, digest))
    },

    async list(states, limit) {
      const found = newest().filter((one) => states.includes(one.state))
      return structuredClone(found.slice(0, limit))
    },

    async change(id, transition) {
      const before = approvals.get(id)
      if (before === undefined) return undefined
      const result = transition(structuredClone(before))
      if (!result.ok) return result
      if (result.approval.version === before.version) {
        return { ok: true, approval: structuredClone(before), changed: false }
      }
      apply(result, before)
      return { ok: true, approval: structuredClone(result.approval), changed: true }
    },

    async modify(id, child, decide, now) {
      const parent = approvals.get(id)
      if (parent === undefined) return undefined
      const { modification } = child
      const recent = [...approvals.values()].filter(
        (one) =>
          one.modification?.author.person === modification?.author.person &&
          one.createdAt > now - MODIFICATION_WINDOW_MS,
      ).length
      const precedents = { latest: latestOf(child.caller.key, child.digest), recent }
      const result = decide(structuredClone(parent), structuredClone(precedents))
      if (!result.ok) return result
      if (approvals.has(result.child.id)) throw new GateError('ERR_STORE')
      apply(result.parent, parent)
      apply({ ok: true, approval: result.child, events: [requestedEvent(result.child)] }, undefined)
      return { ok: true, child: structuredClone(result.child) }
    },

    async sweep(now) {
      let count = 0
      for (const one of [...approvals.values()]) {
        const old = one.settledAt !== undefined && now - one.settledAt >= RESULT_KEPT_MS
        if (apply(old ? forgetOutput(one, now) : expire(one, now), one)) count += 1
        else if (apply(escalate(one, now), one)) count += 1
      }
      for (const [key, write] of writes) {
        const over = write.settledAt !== undefined && now - write.settledAt >= RESULT_KEPT_MS
        if (over) writes.delete(key)
      }
      uses.splice(0, uses.length, ...uses.filter(({ forgetAt }) => forgetAt > now))
      return count
    },

    async forgetClosed(before) {
      const recorded = cursors.get('trail') ?? 0
      const waiting = new Set(events.slice(recorded).map(({ approvalId }) => approvalId))
      const gone = [...approvals.values()].filter(
        ({ id, settledAt = Number.POSITIVE_INFINITY, state, replacement }) =>
          CLOSED_STATES.includes(state) &&
          settledAt <= before &&
          !waiting.has(id) &&
          !(replacement !== undefined && approvals.has(replacement.id)),
      )
      for (const { id } of gone) {
        approvals.delete(id)
        for (const [key, delivery] of deliveries) if (delivery.approvalId === id) deliveries.delete(key)
      }
      return gone.length
    },

    async summariesSince(since, limit) {
      return newest()
        .filter(({ createdAt }) => createdAt >= since)
        .slice(0, limit)
        .map(summarize)
    },

    async waitForChange(id, version, ms, signal) {
      const before = revocationStamp(revocations)
      const until = performance.now() + ms
      for (;;) {
        const approval = approvals.get(id)
        const left = until - performance.now()
        const moved = approval?.version !== version || revocationStamp(revocations) !== before
        if (moved || signal.aborted || left <= 0) return structuredClone(approval)
        await changed.wait(left, signal)
      }
    },

    async pendingEvents(consumer, limit) {
      const from = cursors.get(consumer) ?? 0
      // Of requests that are forgotten nothing is left to tell.
      const waiting = events.slice(from).flatMap((event, index) => {
        const approval = approvals.get(event.approvalId)
        return approval === undefined ? [] : [{ position: from + index + 1, event, approval }]
      })
      return structuredClone(waiting.slice(0, limit))
    },

    async acknowledge(consumer, upTo) {
      cursors.set(consumer, Math.max(cursors.get(consumer) ?? 0, upTo))
    },

    async startFromNow(consumer) {
      if (!cursors.has(consumer)) cursors.set(consumer, events.length)
    },

    async saveDelivery(delivery) {
      deliveries.set(JSON.stringify([delivery.surface, delivery.approvalId]), { ...delivery })
    },

    async findDelivery(surface, approvalId) {
      return structuredClone(deliveries.get(JSON.stringify([surface, approvalId])))
    },

    async takeTurn(surface, holder, ms, now) {
      const turn = turns.get(surface)
      if (turn !== undefined && turn.holder !== holder && now < turn.until) return false
      turns.set(surface, { holder, until: now + ms })
      return true
    },

    async acquireLease(replica, ms, now) {
      const epoch = (leases.get(replica)?.epoch ?? 0) + 1
      leases.set(replica, { epoch, until: now + ms })
      return { replica, epoch }
    },

    async renewLease(lease, ms, now) {
      if (!isLive(lease, now)) return false
      leases.set(lease.replica, { epoch: lease.epoch, until: now + ms })
      return true
    },

    async isLeaseLive(lease, now) {
      return isLive(lease, now)
    },

    async orphans(now) {
      const orphaned = (one: { readonly state: string; readonly lease: Lease | undefined }) =>
        one.state === 'executing' && !isLive(one.lease, now)
      return structuredClone({
        approvals: [...approvals.values()].filter(orphaned),
        writes: [...writes.values()].filter(orphaned),
      })
    },

    async beginWrite(write, now) {
      const found = writes.get(writeKey(write.callerKey, write.key))
      if (found !== undefined && answersFor(found, write, now)) {
        return { begun: false, write: structuredClone(found) }
      }
      writes.set(writeKey(write.callerKey, write.key), structuredClone(write))
      return { begun: true, write: structuredClone(write) }
    },

    async findWrite(callerKey, key) {
      return structuredClone(writes.get(writeKey(callerKey, key)))
    },

    async changeWrite(callerKey, key, lease, change) {
      const found = writes.get(writeKey(callerKey, key))
      const held = found?.lease.replica === lease.replica && found.lease.epoch === lease.epoch
      if (found?.state !== 'executing' || !held) return false
      writes.set(writeKey(callerKey, key), structuredClone({ ...found, ...change }))
      return true
    },

    async revoke(key, by, reason, now) {
      const existing = inForce(key)
      if (existing !== undefined) return existing
      const { kind, id } = key
      const number = revocations.length + 1
      const entry: Revocation = { number, kind, id, by, reason, at: now, undoneBy: undefined, undoneAt: undefined }
      revocations.push(entry)
      changed.notify()
      return entry
    },

    async undoRevocation(number, by, now) {
      const entry = revocations[number - 1]
      if (entry === undefined || entry.undoneAt !== undefined) return undefined
      const undone = { ...entry, undoneBy: by, undoneAt: now }
      revocations[number - 1] = undone
      return undone
    },

    async revocations() {
      return [...revocations].reverse()
    },

    async findRevoked(keys) {
      return keys.map(inForce).find((entry) => entry !== undefined)
    },

    async usesOf(callerKey, rules, now) {
      return rules.map((rule) => usesOf(callerKey, rule, now).times)
    },

    async chargeUses(callerKey, charges, now) {
      return charge(callerKey, charges, now)
    },

    async saveHead(replica, head) {
      const known = heads.get(replica)
      if (known === undefined || known.seq <= head.seq) heads.set(replica, { ...head })
    },

    async loadHead(replica) {
      return heads.get(replica)
    },

    async heads() {
      return [...heads].map(([replica, head]) => ({ replica, ...head }))
    },

    async close() {
      changed.notify()
    },
  }
}

function revocationStamp(revocations: readonly Revocation[]): number {
  return revocations.length + revocations.filter((one) => one.undoneAt !== undefined).length
}
