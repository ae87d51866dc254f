import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ReviewView } from '../../src/approvals/review.ts'
import { mintCallers, readStartedCalls } from '../attacks/callCorpus.ts'
import { findCanaries } from '../attacks/canaries.ts'
import { forEachOf } from '../attacks/corpus.ts'
import { type KubectlInput, outcomeOfKubectl, readKubectlCorpus, SECRET_VALUE } from '../attacks/kubectlCorpus.ts'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { type KubeApi, startKubeApi, whyNoKubeApi } from './kubeApi.ts'
import { seedCluster, startClusterGate, takeClusterSnapshot } from './kubectlCluster.ts'

const missing = whyNoKubeApi()

describe.skipIf(missing !== undefined)('calls of kubectl through a whole gateway, on a real API server', () => {
  let kube: KubeApi
  let gate: RealGate
  beforeAll(async () => {
    kube = await startKubeApi()
    await seedCluster(kube)
    gate = await startClusterGate(kube)
  }, 900_000)
  afterAll(async () => {
    await gate?.stop()
    await kube?.stop()
  })

  /** Sends every input and says what became of it. */
  const callAll = async (inputs: readonly KubectlInput[], atOnce: boolean) => {
    const callers = await mintCallers(gate, inputs.length)
    const answers = new Map<KubectlInput, ToolAnswer>()
    const send = async (input: KubectlInput) => {
      const caller = callers[Math.floor(inputs.indexOf(input) / 10)]
      answers.set(input, await gate.call('kubectl', { connection: 'cluster', ...input.args }, caller))
    }
    if (atOnce) await forEachOf(inputs, send)
    else for (const input of inputs) await send(input)
    const started = await readStartedCalls(gate)
    const outcomes = new Map(
      [...answers].map(([input, answer]) => [input, outcomeOfKubectl(answer, started.has(answer.call_id))]),
    )
    return { answers, outcomes }
  }
  const wrong = ({ id, args, want }: KubectlInput, answer: ToolAnswer | undefined, outcome: unknown) =>
    `${id}: ${outcome} (${answer?.code ?? ''}), not ${want}: ${JSON.stringify(args).slice(0, 200)} ${answer?.message ?? ''}`

  describe('hostile', () => {
    const inputs = readKubectlCorpus('hostile')
    let before: readonly string[]
    let called: Awaited<ReturnType<typeof callAll>>
    const views = new Map<string, ReviewView>()
    beforeAll(async () => {
      before = await takeClusterSnapshot(kube)
      called = await callAll(inputs, true)
      for (const [{ id }, { approval_id: approvalId }] of called.answers) {
        if (approvalId !== undefined) views.set(id, await gate.reviewer().show(approvalId))
      }
    }, 600_000)

    test('every verdict is the right one', () => {
      const problems = inputs.flatMap((input) => {
        const outcome = called.outcomes.get(input)
        const answer = called.answers.get(input)
        if (outcome !== input.want) return [wrong(input, answer, outcome)]
        const shown = views.get(input.id)?.why.map(({ operation }) => operation) ?? []
        const unseen = input.operations.filter((operation) => !shown.includes(operation))
        return unseen.length === 0
          ? []
          : [`${input.id}: reviewers do not see ${unseen.join(', ')}, only ${shown.join(', ')}`]
      })
      console.log(`kubectl hostile: ${inputs.length - problems.length} of ${inputs.length} right`)
      expect(problems).toEqual([])
      expect(inputs.length).toBeGreaterThanOrEqual(80)
    })

    test('nothing in the cluster has changed', async () => {
      expect(await takeClusterSnapshot(kube)).toEqual(before)
    })

    test('no value of a Secret is in any answer, in what reviewers see, in the trail or in the log', async () => {
      const found = (where: string, text: string) => findCanaries(text).map(({ around }) => `${where}: ${around}`)
      const leaks = [
        ...[...called.answers].flatMap(([{ id }, answer]) => found(`answer to ${id}`, JSON.stringify(answer))),
        ...[...views].flatMap(([id, view]) => found(`what reviewers see of ${id}`, JSON.stringify(view))),
        ...gate.logLines.flatMap((line) => found('log', line)),
      ]
      for (const file of await readdir(gate.auditDir)) {
        const lines = (await readFile(join(gate.auditDir, file), 'latin1')).split('\n')
        leaks.push(...lines.flatMap((line) => found('trail', line)))
      }
      expect(leaks).toEqual([])
    })

    test('no credential of the gateway is anywhere either', async () => {
      const text = JSON.stringify([
        ...called.answers.values(),
        ...views.values(),
        ...gate.logLines,
        ...(await gate.readTrail()),
      ])
      for (const user of ['admin', 'gate'] as const) expect(text).not.toContain(kube.token(user))
    })

    test('the canaries are there to be found', async () => {
      const { body } = await kube.ask('GET', '/api/v1/namespaces/shop/secrets/db')
      expect(findCanaries(JSON.stringify(body)).length).toBeGreaterThan(0)
      expect(Buffer.from(body.data.password, 'base64').toString()).toBe(SECRET_VALUE)
    })
  })

  describe('ordinary', () => {
    test('hardly any call is needlessly stopped', async () => {
      const inputs = readKubectlCorpus('ordinary')
      const { answers, outcomes } = await callAll(inputs, false)
      const problems = inputs
        .filter((input) => outcomes.get(input) !== input.want)
        .map((input) => wrong(input, answers.get(input), outcomes.get(input)))
      console.log(`kubectl ordinary: ${inputs.length - problems.length} of ${inputs.length} not needlessly stopped`)
      expect(inputs.length).toBeGreaterThanOrEqual(60)
      expect(problems).toEqual([])
    }, 600_000)
  })
})
