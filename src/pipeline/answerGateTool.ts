import { readOwnApproval, withdrawApproval } from '../approvals/ownApproval.ts'
import type { Answer, Json } from '../call.ts'
import type { GateTool } from '../gateTools/gateTool.ts'
import { approvalInput, explainInput } from '../gateTools/gateTools.ts'
import { maskFacts } from '../masking/maskFacts.ts'
import { ruleKey } from '../policy/circumstances.ts'
import { reachable } from '../policy/reachable.ts'
import { answerOk, verdictsOf } from './answers.ts'
import { judge } from './judge.ts'
import { findTool, type Passage } from './passage.ts'
import { checkArguments, readRequest } from './readRequest.ts'
import { answerIfOpen, argumentsOf, runTool } from './runTool.ts'
import { spaceOf } from './spaceOf.ts'
import { waitForPeople } from './waitForPeople.ts'

/** Answers a tool about the gate itself. Only `await_approval` can run something: the call that was approved. */
export async function answerGateTool(tool: GateTool, passage: Passage): Promise<Answer> {
  switch (tool.name) {
    case 'await_approval':
      return awaitApproval(passage)
    case 'withdraw_approval':
      return withdraw(passage)
    case 'list_connections':
      checkArguments(tool.input, passage.call.args)
      return answerFacts({ connections: connectionsOf(passage) }, passage)
    case 'explain_call':
      return explainCall(passage)
  }
}

async function awaitApproval(passage: Passage): Promise<Answer> {
  const { call, caller, gates } = passage
  const { approval_id: id } = checkArguments(approvalInput, call.args)
  const own = await readOwnApproval(gates.approvals.store, id, caller.key)
  const approval = await waitForPeople(own, gates.inlineWaitMs(), passage)
  const answer = await answerIfOpen(approval, passage)
  if (answer !== undefined) return answer
  return runTool(findTool(approval.tool, gates), argumentsOf(approval), approval.id, passage)
}

async function withdraw(passage: Passage): Promise<Answer> {
  const { call, caller, gates, record } = passage
  const { approval_id: id } = checkArguments(approvalInput, call.args)
  const withdrawn = await withdrawApproval(id, caller.key, gates.approvals)
  await record.finished(maskFacts(null, passage.masker), { status: 'answered', approvalId: withdrawn.id })
  const also = withdrawn.id === id ? '' : `, with ${withdrawn.id}, which a reviewer had written in its place`
  const message = `Approval ${id} is withdrawn${also}; the call will not run.`
  return answerOk(passage, undefined, { message, nextStep: 'Nothing is left to do.', approvalId: withdrawn.id })
}

async function explainCall(passage: Passage): Promise<Answer> {
  const { call, caller, gates, waiter } = passage
  const wanted = checkArguments(explainInput, call.args)
  const inForce = gates.inForce()
  const request = readRequest(findTool(wanted.tool, gates), wanted.arguments, caller, inForce)
  const understanding = await request.tool.understand(
    request.args,
    request.connection.name,
    waiter.signal,
    spaceOf(caller),
  )
  try {
    // On record like the call itself: what was asked about is what may be tried next.
    const { rated } = inForce.policies
    const times = await gates.approvals.store.usesOf(caller.key, rated, gates.approvals.clock())
    const used = new Map(rated.map((rule, index) => [ruleKey(rule), times[index] ?? rule.limit]))
    const { decision } = judge(request, understanding, inForce, passage, { used })
    return await answerFacts({ decision: decision.action, operations: verdictsOf(decision) }, passage)
  } finally {
    await understanding.release()
  }
}

async function answerFacts(facts: Json, passage: Passage): Promise<Answer> {
  const output = maskFacts(facts, passage.masker)
  await passage.record.finished(output, { status: 'answered' })
  return answerOk(passage, output, { message: 'Nothing was executed.' })
}

function connectionsOf({ caller, gates }: Passage): Json {
  const { connections, policies } = gates.inForce()
  // The conditions of a rule are plain YAML values; what is undefined is left out.
  return JSON.parse(JSON.stringify(reachable(caller, [...connections.values()], gates.tools, policies))) as Json
}
