import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Approval, Need } from '../../src/approvals/approval.ts'
import { modifiedApproval, modify, type Rejudged } from '../../src/approvals/modify.ts'
import { escalate, expire, settle, type Transition, take, withdraw } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import { aBallot, aDecision, anApproval, digestNamed, HOUR, T0 } from './fixtures.ts'

const SETS = ['dba', 'security'] as const
const PEOPLE = ['ann', 'bob', 'cat', 'human', 'owner'] as const
const lease = { replica: 'gw-1', epoch: 1 }

/** The promises of an approval, said another way: facts about what has happened, no state machine. */
interface Model {
  /** Who approved, and for which of the sets that were asked then. */
  readonly approvals: Map<string, Set<string>>
  /** Who wrote a part of it. */
  readonly authors: Set<string>
  startedAt: number
  escalated: boolean
  changes: number
  ended: 'denied' | 'expired' | 'withdrawn' | undefined
  approvedAt: number | undefined
  takes: number
  settled: boolean
}

interface Real {
  approval: Approval
  now: number
}

const isOpen = (model: Model) => model.ended === undefined && model.approvedAt === undefined
const isLive = (model: Model) => model.ended === undefined && model.takes === 0
const timeIsOver = (model: Model, real: Real) =>
  isLive(model) && real.now >= (model.approvedAt === undefined ? model.startedAt + 4 * HOUR : model.approvedAt + HOUR)

function apply(real: Real, transition: Transition): boolean {
  if (!transition.ok) return false
  const changed = transition.approval !== real.approval
  expect(transition.approval.version).toBe(real.approval.version + (changed ? 1 : 0))
  real.approval = transition.approval
  return changed
}

class Vote implements fc.Command<Model, Real> {
  readonly person: (typeof PEOPLE)[number]
  readonly verdict: 'approve' | 'deny'
  readonly memberOf: readonly string[]
  constructor(person: (typeof PEOPLE)[number], verdict: 'approve' | 'deny', memberOf: readonly string[]) {
    this.person = person
    this.verdict = verdict
    this.memberOf = memberOf
  }
  check = () => true
  run(model: Model, real: Real) {
    const { person, verdict, memberOf } = this
    const had = model.approvals.get(person)
    const entitled =
      person !== 'human' && person !== 'owner' && real.approval.needs.some((need) => memberOf.includes(need.set))
    const asked = real.approval.needs.map((need) => need.set).filter((set) => memberOf.includes(set))
    // After an escalation one who approved may be among those who are asked now.
    const isNew = had === undefined || (model.escalated && asked.some((set) => !had.has(set)))
    const isOwn = verdict === 'approve' && model.authors.has(person)
    const counts = entitled && !isOwn && isOpen(model) && !timeIsOver(model, real) && (verdict === 'deny' || isNew)
    const changed = apply(
      real,
      vote(
        real.approval,
        aBallot(person, verdict, { memberOf, owners: ['owner-oid'], digest: real.approval.digest }),
        real.now,
      ),
    )
    expect(changed).toBe(counts)
    if (!counts) return
    if (verdict === 'deny') {
      model.ended = 'denied'
      model.approvals.delete(person)
      return
    }
    model.approvals.set(person, new Set(asked))
    const votesFor = (need: Need) => [...model.approvals.values()].filter((sets) => sets.has(need.set)).length
    if (real.approval.needs.every((need) => votesFor(need) >= need.atLeast)) model.approvedAt = real.now
  }
  toString = () => `${this.person} ${this.verdict} as ${this.memberOf}`
}

/** A reviewer writes another request in its place: a new life, which its authors do not approve. */
class Change implements fc.Command<Model, Real> {
  readonly person: (typeof PEOPLE)[number]
  readonly memberOf: readonly string[]
  constructor(person: (typeof PEOPLE)[number], memberOf: readonly string[]) {
    this.person = person
    this.memberOf = memberOf
  }
  check = () => true
  run(model: Model, real: Real) {
    const { person, memberOf } = this
    const { approval, now } = real
    const isEntitled =
      person !== 'human' && person !== 'owner' && approval.needs.some((need) => memberOf.includes(need.set))
    const may = isEntitled && isOpen(model) && !timeIsOver(model, real)
    const author = { person: `entra/t1/${person}-oid`, subject: `${person}-oid`, name: person }
    const judged = {
      ...{ args: { changes: model.changes }, digest: digestNamed(`change ${model.changes}`), shown: approval.shown },
      ...{ decision: aDecision('require-approval'), constraints: {}, labels: {}, connectionVersion: undefined },
    } as unknown as Rejudged
    const terms = {
      needs: approval.escalated?.from ?? approval.needs,
      ttlMs: 4 * HOUR,
      previewRequired: false,
      reasonRequired: false,
      escalation: ESCALATION,
    }
    const child = modifiedApproval(approval, judged, { author, via: 'api', note: undefined }, terms, HOUR, now)
    const admission = { ...author, memberOf, owners: ['owner-oid'] }
    const change = { child, admission, digest: approval.digest }
    const result = modify(approval, change, { latest: undefined, recent: 0 }, now)
    expect(result.ok).toBe(may)
    if (!result.ok) return
    expect(result.parent.approval).toMatchObject({ state: 'modified', args: undefined, version: approval.version + 1 })
    // Nothing can happen to the old one any more.
    const lookAlike = aBallot('dan', 'approve', { digest: approval.digest, memberOf: [...SETS] })
    expect(vote(result.parent.approval, lookAlike, now).ok).toBe(false)
    expect(modify(result.parent.approval, change, { latest: undefined, recent: 0 }, now).ok).toBe(false)
    real.approval = result.child
    model.approvals.clear()
    model.authors.add(person)
    model.startedAt = now
    model.escalated = false
    model.changes += 1
  }
  toString = () => `${this.person} changes it as ${this.memberOf}`
}

const ESCALATION = { afterMs: HOUR, to: [{ set: 'security', atLeast: 1 }] }

class Escalate implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real) {
    const may = isOpen(model) && !timeIsOver(model, real) && !model.escalated && real.now >= model.startedAt + HOUR
    expect(apply(real, escalate(real.approval, real.now))).toBe(may)
    if (!may) return
    model.escalated = true
    // On record, and for nobody who is asked now.
    for (const person of model.approvals.keys()) model.approvals.set(person, new Set())
  }
  toString = () => 'escalate'
}

class Take implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real) {
    const { approval, now } = real
    const request = {
      callerKey: approval.caller.key,
      digest: approval.digest,
      lease,
      callId: 'call_2',
      revokedPeople: [],
    }
    const may = model.approvedAt !== undefined && isLive(model) && !timeIsOver(model, real)
    expect(apply(real, take(approval, request, now))).toBe(may)
    if (may) model.takes += 1
    expect(model.takes).toBeLessThanOrEqual(1)
  }
  toString = () => 'take'
}

class Settle implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real) {
    const may = model.takes === 1 && !model.settled
    expect(apply(real, settle(real.approval, lease, { state: 'unknown' }, real.now))).toBe(may)
    if (may) model.settled = true
  }
  toString = () => 'settle'
}

class Withdraw implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real) {
    const may = isLive(model) && !timeIsOver(model, real)
    expect(apply(real, withdraw(real.approval, 'caller', real.now))).toBe(may)
    if (may) model.ended = 'withdrawn'
  }
  toString = () => 'withdraw'
}

class Sweep implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, real: Real) {
    const over = timeIsOver(model, real)
    expect(apply(real, expire(real.approval, real.now))).toBe(over)
    if (over) model.ended = 'expired'
  }
  toString = () => 'sweep'
}

class Pass implements fc.Command<Model, Real> {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  check = () => true
  run(_: Model, real: Real) {
    real.now += this.ms
  }
  toString = () => `${this.ms} ms pass`
}

/** Holds after every step, whatever happened. */
class Look implements fc.Command<Model, Real> {
  check = () => true
  run(model: Model, { approval }: Real) {
    const state = approval.state
    if (model.settled) expect(state).toBe('unknown')
    else if (model.takes === 1) expect(state).toBe('executing')
    else expect(state).toBe(model.ended ?? (model.approvedAt === undefined ? 'pending' : 'approved'))
    expect(new Set(approval.votes.map((one) => one.person)).size).toBe(approval.votes.length)
    expect(approval.args === undefined).toBe(model.ended !== undefined || model.settled)
    for (const one of approval.votes) {
      if (one.verdict === 'approve') expect(model.authors.has(one.name ?? '')).toBe(false)
    }
  }
  toString = () => 'look'
}

const needs = fc.uniqueArray(fc.record({ set: fc.constantFrom(...SETS), atLeast: fc.constantFrom(1, 1, 2, 3) }), {
  selector: (need) => need.set,
})
const sets = fc.constantFrom<readonly string[]>([...SETS], [...SETS], ['dba'], ['security'], [])
const approving = fc.tuple(fc.constantFrom(...PEOPLE), sets).map(([person, of]) => new Vote(person, 'approve', of))
const denying = fc.tuple(fc.constantFrom(...PEOPLE), sets).map(([person, of]) => new Vote(person, 'deny', of))
const changing = fc.tuple(fc.constantFrom(...PEOPLE), sets).map(([person, of]) => new Change(person, of))
const rare = fc.constantFrom(new Withdraw(), new Sweep(), new Pass(HOUR), new Pass(4 * HOUR), new Look())
const escalating = fc.constantFrom(new Escalate(), new Pass(HOUR))
const taking = fc.constant(new Take())
const settling = fc.constant(new Settle())
const soon = fc.constant(new Pass(1))
const ordinary = [approving, approving, approving, approving, taking, taking, settling, soon, denying, rare]
const withOthers = [approving, approving, approving, approving, taking, taking, settling, changing, escalating]

test.each([
  ['whatever people, clocks and callers do, an approval keeps its promises', ordinary],
  ['so does one that reviewers change and that moves to others', withOthers],
])('%s', (_title, kinds) => {
  let runs = 0
  const executed = { any: 0, changed: 0, escalated: 0 }
  fc.assert(
    fc.property(needs, fc.commands(kinds, { maxCommands: 30 }), (asked, steps) => {
      const model: Model = {
        ...{ approvals: new Map(), authors: new Set(), startedAt: T0, escalated: false, changes: 0 },
        ...{ ended: undefined, approvedAt: undefined, takes: 0, settled: false },
      }
      const caller = { ...anApproval().caller, roles: [] }
      const escalation = { at: T0 + ESCALATION.afterMs, to: ESCALATION.to }
      const real: Real = { approval: anApproval({ needs: asked, caller, escalation }), now: T0 }
      fc.modelRun(() => ({ model, real }), steps)
      new Look().run(model, real)
      runs += 1
      executed.any += model.takes
      executed.changed += model.takes > 0 && model.changes > 0 ? 1 : 0
      executed.escalated += model.takes > 0 && model.escalated ? 1 : 0
      if (asked.length === 0 && !model.escalated) expect(model.takes).toBe(0)
    }),
    { numRuns: 5000 },
  )
  // The test would be empty if hardly any run came as far as an execution.
  expect(executed.any).toBeGreaterThan(runs / 50)
  if (kinds === withOthers) {
    expect(executed.changed).toBeGreaterThan(0)
    expect(executed.escalated).toBeGreaterThan(0)
  }
})
