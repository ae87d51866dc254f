import { describe, expect, test } from 'vitest'
import { kubernetesConnection } from '../../../src/tools/kubectl/settings.ts'
import { createKubectl } from '../../../src/tools/kubectl/tool.ts'
import { readKubectlCorpus } from '../../attacks/kubectlCorpus.ts'

const settings = kubernetesConnection.parse({ type: 'kubernetes', kubeconfig: { file: '/nowhere' }, context: 'x' })

/** The tool on a cluster that must never be reached. */
async function refusalOf(args: Readonly<Record<string, unknown>>) {
  let wasRead = false
  const { tool } = createKubectl({
    readSecret: async () => {
      wasRead = true
      throw new Error('a credential was read')
    },
    alsoSecret: () => undefined,
    connections: () => ({ cluster: settings }),
  })
  const input = tool.input.safeParse({ connection: 'cluster', ...args })
  const refusal = input.success
    ? await tool.understand(input.data, 'cluster', AbortSignal.timeout(5_000)).catch((error: unknown) => error)
    : input.error
  return { refusal, wasRead }
}

describe('hostile words', () => {
  const inputs = readKubectlCorpus('hostile').filter(({ offline }) => offline)

  test('are refused by the grammar alone: no credential is read for them', async () => {
    const problems: string[] = []
    for (const { id, args } of inputs) {
      // A placeholder is refused before any tool sees it.
      if (JSON.stringify(args).includes('[masked:')) continue
      const { refusal, wasRead } = await refusalOf(args)
      const isRefused = refusal instanceof Error && ('code' in refusal ? refusal.code === 'ERR_KUBECTL_ARGS' : true)
      if (!isRefused || wasRead) problems.push(`${id}: ${JSON.stringify(args).slice(0, 200)}`)
    }
    console.log(`kubectl hostile, by the grammar alone: ${inputs.length - problems.length} of ${inputs.length} refused`)
    expect(problems).toEqual([])
    expect(inputs.length).toBeGreaterThan(100)
  })
})
