import type { ToolAnswer } from '../fixtures/callTool.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { type CorpusInput, forEachOf, type Outcome, outcomeOf } from './corpus.ts'

/** What became of one input, and of its approval when it has one. */
export interface CalledInput {
  readonly input: CorpusInput
  readonly answer: ToolAnswer
  readonly outcome: Outcome
  readonly approvedAnswer: ToolAnswer | undefined
  readonly approvedOutcome: Outcome | undefined
}

export interface Caller {
  readonly token: string
}

/** An agent of its own: how many approvals one may ask for in a minute is limited. */
async function mintCaller(gate: RealGate, number: number): Promise<Caller> {
  const oid = `6f1c1b3e-0000-4000-8000-1${String(number).padStart(11, '0')}`
  return { token: await gate.mint('app-only', { claims: { oid, sub: oid }, lifetime: 24 * 3_600 }) }
}

/** Enough callers for so many inputs; the first ten inputs are of the first, and so on. */
export const mintCallers = (gate: RealGate, inputs: number): Promise<Caller[]> =>
  Promise.all(Array.from({ length: Math.ceil(inputs / 10) }, (_, index) => mintCaller(gate, index)))

export async function readStartedCalls(gate: RealGate): Promise<ReadonlySet<unknown>> {
  const trail = await gate.readTrail()
  return new Set(trail.filter(({ event }) => event === 'call.started').map(({ call }) => call))
}

/**
 * Calls run_sql with every input: first what changes nothing, several at once; then, one after the other, what is
 * approved and does.
 */
export async function callCorpus(
  gate: RealGate,
  inputs: readonly CorpusInput[],
  connection: string,
): Promise<readonly CalledInput[]> {
  const callers = await mintCallers(gate, inputs.length)
  const callerOf = (index: number) => callers[Math.floor(index / 10)]
  const calls = inputs.map((input, index) => ({ input, caller: callerOf(index) }))
  const answers = new Map<CorpusInput, ToolAnswer>()
  const approvals = new Map<CorpusInput, ToolAnswer>()
  const send = async ({ input, caller }: (typeof calls)[number]) => {
    const answer = await gate.call('run_sql', { connection, ...input.args }, caller)
    answers.set(input, answer)
    return answer
  }
  await forEachOf(
    calls.filter(({ input }) => input.approved === undefined),
    send,
  )
  for (const call of calls.filter(({ input }) => input.approved !== undefined)) {
    const { approval_id: id } = await send(call)
    if (id === undefined) continue
    await gate.reviewer().approve(id)
    approvals.set(call.input, await gate.call('await_approval', { approval_id: id }, call.caller))
  }
  const started = await readStartedCalls(gate)
  const outcome = (answer: ToolAnswer) => outcomeOf(answer, started.has(answer.call_id))
  return inputs.flatMap((input) => {
    const answer = answers.get(input)
    const approvedAnswer = approvals.get(input)
    if (answer === undefined) return []
    const approvedOutcome = approvedAnswer && outcome(approvedAnswer)
    return [{ input, answer, outcome: outcome(answer), approvedAnswer, approvedOutcome }]
  })
}
