import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Approval, Need } from '../../src/approvals/approval.ts'
import { expire, settle, type Transition, take, withdraw } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import { aBallot, anApproval, HOUR, T0 } from './fixtures.ts'

const SETS = ['dba', 'security'] as const
const PEOPLE = ['ann', 'bob', 'cat', 'human', 'owner'] as const
const lease = { replica: 'gw-1', epoch: 1 }

/** The promises of an approval, said another way: facts about what has happened, no state machine. */
interface Model {
  readonly approvals: Map<string, Set<string>>
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
  isLive(model) && real.now >= (model.approvedAt === undefined ? T0 + 4 * HOUR : model.approvedAt + HOUR)

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
    const counts =
      entitled && isOpen(model) && !timeIsOver(model, real) && !(verdict === 'approve' && had !== undefined)
    const changed = apply(
      real,
      vote(real.approval, aBallot(person, verdict, { memberOf, owners: ['owner-oid'] }), real.now),
    )
    expect(changed).toBe(counts)
    if (!counts) return
    if (verdict === 'deny') {
      model.ended = 'denied'
      model.approvals.delete(person)
      return
    }
    model.approvals.set(person, new Set(memberOf))
    const votesFor = (need: Need) => [...model.approvals.values()].filter((sets) => sets.has(need.set)).length
    if (real.approval.needs.every((need) => votesFor(need) >= need.atLeast)) model.approvedAt = real.now
  }
  toString = () => `${this.person} ${this.verdict} as ${this.memberOf}`
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
  }
  toString = () => 'look'
}

const needs = fc.uniqueArray(fc.record({ set: fc.constantFrom(...SETS), atLeast: fc.constantFrom(1, 1, 2, 3) }), {
  selector: (need) => need.set,
})
const sets = fc.constantFrom<readonly string[]>([...SETS], [...SETS], ['dba'], ['security'], [])
const approving = fc.tuple(fc.constantFrom(...PEOPLE), sets).map(([person, of]) => new Vote(person, 'approve', of))
const denying = fc.tuple(fc.constantFrom(...PEOPLE), sets).map(([person, of]) => new Vote(person, 'deny', of))
const rare = fc.constantFrom(new Withdraw(), new Sweep(), new Pass(HOUR), new Pass(4 * HOUR), new Look())
const taking = fc.constant(new Take())
const commands = fc.commands(
  [
    approving,
    approving,
    approving,
    approving,
    taking,
    taking,
    fc.constant(new Settle()),
    fc.constant(new Pass(1)),
    denying,
    rare,
  ],
  { maxCommands: 30 },
)

test('whatever people, clocks and callers do, an approval keeps its promises', () => {
  let runs = 0
  let executed = 0
  fc.assert(
    fc.property(needs, commands, (asked, steps) => {
      const model: Model = { approvals: new Map(), ended: undefined, approvedAt: undefined, takes: 0, settled: false }
      const real: Real = { approval: anApproval({ needs: asked }), now: T0 }
      fc.modelRun(() => ({ model, real }), steps)
      new Look().run(model, real)
      runs += 1
      executed += model.takes
      if (asked.length === 0) expect(model.takes).toBe(0)
    }),
    { numRuns: 5000 },
  )
  // The test would be empty if hardly any run came as far as an execution.
  expect(executed).toBeGreaterThan(runs / 50)
})
