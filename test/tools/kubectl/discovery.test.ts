import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/call.ts'
import { createDiscovery } from '../../../src/tools/kubectl/cluster/discovery.ts'

const kind = (name: string, kind: string, shortNames: string[] = []) => ({
  name,
  kind,
  singularName: kind.toLowerCase(),
  shortNames,
  namespaced: true,
  verbs: ['get'],
})
const lists: Record<string, Json> = {
  '/apis': {
    groups: ['extensions', 'example.com', 'other.example', 'networking.k8s.io', 'metrics.k8s.io', 'apps'].map(
      (name) => ({
        versions: [{ groupVersion: `${name}/v1` }],
        preferredVersion: { groupVersion: `${name}/v1` },
      }),
    ),
  },
  '/api/v1': { resources: [kind('pods', 'Pod', ['po']), { ...kind('pods/log', 'Pod') }, kind('secrets', 'Secret')] },
  '/apis/extensions/v1': { resources: [kind('ingresses', 'Ingress', ['ing'])] },
  '/apis/networking.k8s.io/v1': { resources: [kind('ingresses', 'Ingress', ['ing'])] },
  '/apis/metrics.k8s.io/v1': { resources: [kind('pods', 'PodMetrics')] },
  '/apis/apps/v1': { resources: [kind('deployments', 'Deployment', ['deploy']), kind('deployments/scale', 'Scale')] },
  // Somebody added types that take the names of others.
  '/apis/example.com/v1': {
    resources: [kind('harmless', 'Harmless', ['po', 'secrets', 'secret']), kind('widgets', 'Widget')],
  },
  '/apis/other.example/v1': { resources: [kind('widgets', 'Widget')] },
}
const never = new AbortController().signal
const open = () => {
  const asked: string[] = []
  let now = 0
  const discovery = createDiscovery(
    async ({ path }) => {
      const name = `/${path.join('/')}`
      asked.push(name)
      return lists[name] ?? {}
    },
    () => now,
  )
  return { discovery, asked, wait: (ms: number) => (now += ms) }
}

describe('types of the server', () => {
  test.each([
    ['pods', '/pods'],
    ['Pod', '/pods'],
    ['po', '/pods'],
    ['secret', '/secrets'],
    ['ing', 'networking.k8s.io/ingresses'],
    ['ingresses.extensions', 'extensions/ingresses'],
    ['deployments.v1.apps', 'apps/deployments'],
    ['widgets.other.example', 'other.example/widgets'],
    ['pods.metrics.k8s.io', 'metrics.k8s.io/pods'],
  ])('%s is %s', async (written, expected) => {
    const { group, name } = await open().discovery.findType(written, never)
    expect(`${group}/${name}`).toBe(expected)
  })

  test('a name that two added groups have is refused, and says which', async () => {
    await expect(open().discovery.findType('widgets', never)).rejects.toMatchObject({
      code: 'ERR_KUBECTL_TYPE',
      detail: expect.stringContaining('example.com/widgets or other.example/widgets'),
    })
  })

  test.each(['log', 'pods/log', 'deployment.example.com', 'nothing'])('%s is no type', async (written) => {
    await expect(open().discovery.findType(written, never)).rejects.toMatchObject({ code: 'ERR_KUBECTL_TYPE' })
  })

  test('the kind of a manifest is of exactly its group, version and spelling', async () => {
    const { discovery } = open()
    expect((await discovery.findKind('apps/v1', 'Deployment', never)).name).toBe('deployments')
    for (const [apiVersion, name] of [
      ['apps/v2', 'Deployment'],
      ['v1', 'Deployment'],
      ['apps/v1', 'deployment'],
      ['apps/v1', 'Scale'],
    ] as const) {
      await expect(discovery.findKind(apiVersion, name, never)).rejects.toMatchObject({ code: 'ERR_KUBECTL_TYPE' })
    }
  })

  test('the server is asked once; for what is missing again, but not for each wrong guess', async () => {
    const { discovery, asked, wait } = open()
    await discovery.findType('pods', never)
    const once = asked.length
    await discovery.findType('deploy', never)
    for (let i = 0; i < 5; i++) await discovery.findType('nothing', never).catch(() => undefined)
    expect(asked.length).toBe(once)
    wait(11_000)
    await discovery.findType('nothing', never).catch(() => undefined)
    expect(asked.length).toBe(2 * once)
  })
})
