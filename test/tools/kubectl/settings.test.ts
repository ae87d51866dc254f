import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadGate } from '../../../src/config/liveConfig.ts'
import { kubernetesConnection } from '../../../src/tools/kubectl/settings.ts'
import { createKubectl } from '../../../src/tools/kubectl/tool.ts'

const blocks = [...readFileSync('docs/kubectl.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text = '']) => text,
)
const BASE = { type: 'kubernetes', kubeconfig: { file: '/run/secrets/kubeconfig' }, context: 'eu' }
const problemsOf = (settings: unknown) =>
  kubernetesConnection.safeParse(settings).error?.issues.map(({ message }) => message)

test('a connection has limits and a namespace of its own', () => {
  expect(kubernetesConnection.parse(BASE)).toMatchObject({
    namespace: 'default',
    limits: { timeout: 30_000, maxBytes: 1024 ** 2, maxObjects: 500, maxChanges: 50, logLines: 1_000 },
  })
})

test.each([
  ['neither a kubeconfig nor a pod', { type: 'kubernetes' }],
  ['both', { ...BASE, inCluster: true }],
  ['a kubeconfig whose current context would be used', { ...BASE, context: undefined }],
  ['a context without a kubeconfig', { type: 'kubernetes', inCluster: true, context: 'eu' }],
  ['a kubeconfig in the settings themselves', { ...BASE, kubeconfig: 'apiVersion: v1' }],
  ['a namespace that is none', { ...BASE, namespace: '*' }],
  ['a pointer that is none', { ...BASE, mask: ['configmaps'] }],
  ['a certificate that is not checked', { ...BASE, insecureSkipTlsVerify: true }],
])('%s is refused', (_, settings) => {
  expect(problemsOf(settings)).toHaveLength(1)
})

test('the connection and the policy that docs/kubectl.md begins with load without a warning', async () => {
  const [policy = '', connections = ''] = ['policy:', 'connections:'].map((start) =>
    blocks.find((text) => text.startsWith(start)),
  )
  const [config = ''] = [...(await readFile('README.md', 'utf8')).matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, text]) => text,
  )
  const folder = await mkdtemp(join(tmpdir(), 'countersign-test-'))
  try {
    const groups = { ...parse(config).groups, 'platform-agents': '6f1c1b3e-0000-4000-8000-0000000000cc' }
    await mkdir(join(folder, 'policies'))
    await writeFile(join(folder, 'countersign.yaml'), stringify({ ...parse(config), groups, ...parse(connections) }))
    await writeFile(join(folder, 'policies', 'policy.yaml'), policy)
    const { tool } = createKubectl({ readSecret: async () => '', alsoSecret: () => undefined, connections: () => ({}) })
    const { policies, config: loaded } = await loadGate(join(folder, 'countersign.yaml'), [tool])
    expect(policies.warnings).toEqual([])
    expect(policies.policies.map(({ rules }) => rules.length)).toEqual([5])
    expect(loaded.connections['cluster-eu']).toMatchObject({ type: 'kubernetes', namespace: 'shop' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
