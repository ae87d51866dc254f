import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findCanaries } from '../attacks/canaries.ts'
import { SECRET_VALUE } from '../attacks/kubectlCorpus.ts'
import { type OpenKubectl, openKubectl } from '../fixtures/openKubectl.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { type KubeApi, startKubeApi, whyNoKubeApi } from './kubeApi.ts'
import { seedCluster, startClusterGate } from './kubectlCluster.ts'

const missing = whyNoKubeApi()

describe.skipIf(missing !== undefined)('kubectl on a real API server', () => {
  let kube: KubeApi
  let kubectl: OpenKubectl
  beforeAll(async () => {
    kube = await startKubeApi()
    await seedCluster(kube)
    kubectl = openKubectl(kube.kubeconfig, { namespace: 'dev' })
  }, 900_000)
  afterAll(async () => {
    await kubectl?.open.close()
    await kube?.stop()
  })

  const configMap = (name: string, data: Record<string, string> = {}, namespace = 'dev') =>
    kube.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { app: 'batch' } }, data })
  const readMap = (name: string) => kube.ask('GET', `/api/v1/namespaces/dev/configmaps/${name}`)
  const deployment = async (name = 'web') =>
    (await kube.ask('GET', `/apis/apps/v1/namespaces/dev/deployments/${name}`)).body

  describe('what was approved is what is deleted', () => {
    beforeEach(async () => {
      await kube.ask('DELETE', '/api/v1/namespaces/dev/configmaps/b4')
      await Promise.all(['b1', 'b2', 'b3'].map((name) => configMap(name)))
    })

    test('a selector is the objects that had it when it was judged', async () => {
      const understanding = await kubectl.understand(['delete', 'configmaps', '-l', 'app=batch'])
      expect(understanding.operations.map(({ operation, facts }) => [operation, facts.name])).toEqual(
        ['b1', 'b2', 'b3'].map((name) => ['delete', [name]]),
      )
      await configMap('b4')
      const call = { callId: 'c', approvalId: undefined, constraints: { maxRows: undefined } }
      await understanding.execute(call as never, async () => undefined, AbortSignal.timeout(30_000))
      expect((await readMap('b1')).status).toBe(404)
      expect((await readMap('b4')).status).toBe(200)
    })

    test('another object of the same name is not what was judged, and stays', async () => {
      const understanding = await kubectl.understand(['delete', 'configmap', 'b1'])
      await kube.ask('DELETE', '/api/v1/namespaces/dev/configmaps/b1')
      await configMap('b1', { mode: 'another' })
      const call = { callId: 'c', approvalId: undefined, constraints: { maxRows: undefined } }
      await expect(
        understanding.execute(call as never, async () => undefined, AbortSignal.timeout(30_000)),
      ).rejects.toMatchObject({ code: 'ERR_KUBECTL_CHANGED' })
      expect((await readMap('b1')).body.data.mode).toBe('another')
    })

    test('an object more or less, or another of the same name, is another judgement', async () => {
      const judged = async () => JSON.stringify((await kubectl.understand(['delete', 'cm', '-l', 'app=batch'])).judged)
      const first = await judged()
      expect(await judged()).toBe(first)
      await configMap('b4')
      const second = await judged()
      expect(second).not.toBe(first)
      await kube.ask('DELETE', '/api/v1/namespaces/dev/configmaps/b4')
      await configMap('b4')
      expect(await judged()).not.toBe(second)
      await kube.ask('DELETE', '/api/v1/namespaces/dev/configmaps/b4')
    })

    test('a selection of nothing is judged as what was asked for, and changes nothing', async () => {
      for (const args of [
        ['delete', 'cm', '-l', 'app=nobody'],
        ['label', 'cm', '-l', 'app=nobody', 'a=b'],
      ]) {
        const { operations } = await kubectl.understand(args)
        expect(operations).toMatchObject([
          { operation: args[0], facts: { namespace: ['dev'], name: ['*'], selector: 'app=nobody' } },
        ])
        expect((await kubectl.run(args)).result).toMatchObject({ rows_changed: 0, row_count: 0 })
      }
    })

    test('a limit of objects is held before the first is deleted', async () => {
      await expect(kubectl.run(['delete', 'cm', '-l', 'app=batch'], undefined, 2)).rejects.toMatchObject({
        code: 'ERR_KUBECTL_TOO_MANY',
      })
      const narrow = openKubectl(kube.kubeconfig, { namespace: 'dev', limits: { maxChanges: 2 } })
      await expect(narrow.run(['delete', 'cm', '-l', 'app=batch'])).rejects.toMatchObject({
        code: 'ERR_KUBECTL_TOO_MANY',
      })
      await narrow.open.close()
      expect((await readMap('b1')).status).toBe(200)
    })

    test('the preview names every object with its id', async () => {
      const preview = await kubectl.preview(['delete', 'cm', '-l', 'app=batch'])
      const { uid } = (await readMap('b2')).body.metadata
      expect(preview?.rows).toBe(3)
      expect(preview?.lines).toContain(`configmaps/b2 in dev would be deleted (uid ${uid})`)
      expect((await readMap('b2')).status).toBe(200)
    })
  })

  describe('changes', () => {
    const execute = async (understanding: Awaited<ReturnType<OpenKubectl['understand']>>) =>
      understanding.execute(
        { callId: 'c', approvalId: undefined, constraints: { maxRows: undefined } } as never,
        async () => undefined,
        AbortSignal.timeout(30_000),
      )
    const patch = (value: string) => [
      'patch',
      'cm',
      'held',
      '--type=merge',
      '-p',
      JSON.stringify({ data: { mode: value } }),
    ]

    test('a change that somebody else made in between stops the call', async () => {
      await configMap('held', { mode: 'one' })
      const understanding = await kubectl.understand(patch('two'))
      await configMap('held', { mode: 'meanwhile' })
      await expect(execute(understanding)).rejects.toMatchObject({ code: 'ERR_KUBECTL_CHANGED' })
      expect((await readMap('held')).body.data.mode).toBe('meanwhile')
    })

    test.each([
      ['patch', ['patch', 'deployment', 'web', '-p', '{"spec":{"minReadySeconds":7}}']],
      [
        'json patch',
        ['patch', 'deployment', 'web', '--type=json', '-p', '[{"op":"add","path":"/spec/minReadySeconds","value":8}]'],
      ],
      ['scale', ['scale', 'deployment', 'web', '--replicas=6']],
      ['label', ['label', 'deployment', 'web', 'a=b', '--overwrite']],
    ])('%s: a status that moves in between does not', async (_, args) => {
      const understanding = await kubectl.understand(args)
      const moved = { status: { observedGeneration: Math.floor(1e6 * Math.random()) } }
      const answer = await kube.ask(
        'PATCH',
        '/apis/apps/v1/namespaces/dev/deployments/web/status',
        moved,
        'application/merge-patch+json',
      )
      expect(answer.status).toBe(200)
      await execute(understanding)
    })

    test('a dry run and a preview leave everything as it is', async () => {
      const before = JSON.stringify(await deployment())
      const preview = await kubectl.preview(['scale', 'deployment', 'web', '--replicas=9'])
      expect(preview?.lines[0]).toMatch(/-> 9 replicas$/)
      await kubectl.preview(['rollout', 'restart', 'deployment', 'web'])
      expect(JSON.stringify(await deployment())).toBe(before)
    })

    test('a patch is shown as the difference that the server would make', async () => {
      const preview = await kubectl.preview(['patch', 'deployment', 'web', '-p', '{"spec":{"minReadySeconds":3}}'])
      const [text] = preview?.texts ?? []
      expect(text?.language).toBe('diff')
      expect(text?.text).toContain('+  minReadySeconds: 3')
    })

    test('an older revision comes back by undo, and its pods are judged', async () => {
      const understanding = await kubectl.understand(['rollout', 'undo', 'deployment/web', '--to-revision=1'])
      expect(understanding.operations[0]).toMatchObject({ operation: 'rollout', facts: { action: 'undo' } })
      await execute(understanding)
      const { spec } = await deployment()
      expect(spec.template.spec.containers[0].image).toBe('nginx:1.21')
      expect(spec.template.metadata.labels).toEqual({ app: 'web' })
    })

    test('pods of an older revision that were edited after the judgement are another judgement', async () => {
      const judged = async () =>
        JSON.stringify((await kubectl.understand(['rollout', 'undo', 'deployment/web', '--to-revision=1'])).judged)
      const path = '/apis/apps/v1/namespaces/dev/replicasets/web-1'
      const setCommand = (command: readonly string[] | null) =>
        kube.ask(
          'PATCH',
          path,
          { spec: { template: { spec: { containers: [{ name: 'web', command }] } } } },
          'application/strategic-merge-patch+json',
        )
      const first = await judged()
      expect(await judged()).toBe(first)
      expect((await setCommand(['evil'])).status).toBe(200)
      expect(await judged()).not.toBe(first)
      await setCommand(null)
    })

    test('whether a guess of a hidden value is right is not told, neither by conflicts nor by fields that cannot change', async () => {
      const base64 = (text: string) => Buffer.from(text).toString('base64')
      await kube.ask('DELETE', '/api/v1/namespaces/dev/secrets/frozen')
      await kube.apply({
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'frozen', namespace: 'dev' }, immutable: true },
        data: { password: base64(SECRET_VALUE) },
      })
      await kube.apply({
        ...{ apiVersion: 'v1', kind: 'ConfigMap' },
        metadata: { name: 'told', namespace: 'dev', annotations: { 'corp.example/api-token': SECRET_VALUE } },
      })
      const operation = (path: string, value: unknown) => JSON.stringify([{ op: 'replace', path, value }])
      const container = (more: object) => JSON.stringify({ spec: { containers: [{ name: 'web', ...more }] } })
      const guesses: readonly ((guess: string) => readonly [readonly string[], string?])[] = [
        (guess) => [
          ['apply'],
          `apiVersion: v1\nkind: Secret\nmetadata: { name: db }\ndata: { password: ${base64(guess)} }`,
        ],
        (guess) => [
          ['apply'],
          `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { db-password: ${guess} }`,
        ],
        (guess) => [['annotate', 'configmap', 'told', `corp.example/api-token=${guess}`]],
        (guess) => [['patch', 'secret', 'frozen', '-p', JSON.stringify({ data: { password: base64(guess) } })]],
        (guess) => [['patch', 'secret', 'frozen', '-p', JSON.stringify({ stringData: { password: guess } })]],
        (guess) => [['patch', 'secret', 'frozen', '--type=json', '-p', operation('/data/password', base64(guess))]],
        (guess) => [
          ['patch', 'secret', 'frozen', '--type=json', '-p', operation('/data', { password: base64(guess) })],
        ],
        (guess) => [['patch', 'pod', 'web-1', '-p', container({ env: [{ name: 'DB_PASSWORD', value: guess }] })]],
        (guess) => [['patch', 'pod', 'web-1', '-p', container({ args: ['--password', guess] })]],
        (guess) => [['patch', 'pod', 'web-1', '--type=json', '-p', operation('/spec/containers/0/env/0/value', guess)]],
        (guess) => [['patch', 'pod', 'web-1', '--type=json', '-p', operation('/spec/containers/0/args/1', guess)]],
      ]
      for (const written of guesses) {
        const answers = []
        for (const guess of [SECRET_VALUE, 'wrong-guess-of-it']) {
          const [args, manifest] = written(guess)
          answers.push(await kubectl.preview(args, manifest).catch((error: unknown) => error))
        }
        expect(answers[0]).toMatchObject({ code: 'ERR_KUBECTL_FAILED' })
        expect(String(answers[0])).toBe(String(answers[1]))
      }
      // What is not hidden is compared as ever, and a value may be set where nobody else has set one.
      expect(await kubectl.preview(['patch', 'pod', 'web-1', '-p', container({ image: 'nginx:1.26' })])).toBeDefined()
      const patch = JSON.stringify({ stringData: { password: SECRET_VALUE } })
      expect(await kubectl.preview(['patch', 'secret', 'db', '-p', patch])).toBeDefined()
    })

    test('events about nothing are not those of an object without an id', async () => {
      const { result } = await kubectl.run(['describe', 'componentstatuses'])
      expect(result.output).toContain('ComponentStatus')
      expect(result.output).not.toContain('login failed')
    })

    test('a value that is there is replaced only when that is said', async () => {
      await kubectl.run(['label', 'cm', 'held', 'colour=red'])
      await expect(kubectl.run(['label', 'cm', 'held', 'colour=blue'])).rejects.toMatchObject({
        code: 'ERR_KUBECTL_FAILED',
      })
      await kubectl.run(['label', 'cm', 'held', 'colour=blue', '--overwrite'])
      expect((await readMap('held')).body.metadata.labels.colour).toBe('blue')
      await kubectl.run(['label', 'cm', 'held', 'colour-'])
      expect((await readMap('held')).body.metadata.labels).not.toHaveProperty('colour')
    })

    test('fields of another manager are taken over only when that is said, and then it is a consequence', async () => {
      await configMap('fields', { mode: 'one' })
      const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: fields }\ndata: { mode: two }'
      await expect(kubectl.run(['apply'], manifest)).rejects.toMatchObject({
        code: 'ERR_KUBECTL_FAILED',
        message: expect.stringContaining('fixture'),
      })
      const { operations } = await kubectl.understand(['apply', '--force-conflicts'], manifest)
      expect(operations.map(({ operation }) => operation)).toEqual(['apply', 'conflicts:force'])
      await kubectl.run(['apply', '--force-conflicts'], manifest)
      expect((await readMap('fields')).body.data.mode).toBe('two')
    })

    test('when the second of two cannot be written, the answer says what was done', async () => {
      await configMap('p1', { mode: 'one' })
      await configMap('p2', { mode: 'one' })
      const understanding = await kubectl.understand(['annotate', 'cm', 'p1', 'p2', 'note=x'])
      await configMap('p2', { mode: 'meanwhile' })
      await expect(execute(understanding)).rejects.toMatchObject({
        code: 'ERR_KUBECTL_PARTIAL',
        message: expect.stringMatching(/configmaps\/p1 annotated.*configmaps\/p2/),
      })
    })

    test('objects of a namespace that the same manifest makes are dry-run once it is there', async () => {
      const map = (data: string) =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: fresh }\ndata: ${data}`
      const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: fresh }\n---\n'
      await expect(kubectl.run(['apply'], `${namespace}${map('{ "a b": x }')}`)).rejects.toMatchObject({
        code: 'ERR_KUBECTL_PARTIAL',
      })
      await kubectl.run(['apply'], `${namespace}${map('{ a: b }')}`)
      expect((await kube.ask('GET', '/api/v1/namespaces/fresh/configmaps/a')).body.data).toEqual({ a: 'b' })
    })
  })

  describe('outcomes that are looked up', () => {
    const lookUp = (ref: unknown) => kubectl.open.lookUpOutcome('cluster', ref as never)
    const refOf = async (args: readonly string[], manifest?: string) => {
      await kubectl.run(args, manifest)
      return kubectl.outcomeRefs.at(-1)
    }

    test('a deleted object is gone, one that is still there was not deleted', async () => {
      await configMap('gone')
      const { uid, resourceVersion } = (await readMap('gone')).body.metadata
      const path = ['api', 'v1', 'namespaces', 'dev', 'configmaps', 'gone']
      expect(await lookUp({ changes: [{ verb: 'delete', path, uid, version: resourceVersion }] })).toBe('aborted')
      expect(await lookUp(await refOf(['delete', 'cm', 'gone']))).toBe('committed')
    })

    test('what has another version may be somebody else’s work, and a command leaves no trace', async () => {
      await configMap('seen', { mode: 'one' })
      expect(await lookUp(await refOf(['annotate', 'cm', 'seen', 'a=b']))).toBe('unknown')
      expect(await lookUp({ exec: 'web-1' })).toBe('unknown')
      const { uid, resourceVersion } = (await readMap('seen')).body.metadata
      const path = ['api', 'v1', 'namespaces', 'dev', 'configmaps', 'seen']
      expect(await lookUp({ changes: [{ verb: 'patch', path, uid, version: resourceVersion }] })).toBe('aborted')
      expect(
        await lookUp({ changes: [{ verb: 'create', path: [...path.slice(0, 5), 'never'], uid: '', version: '' }] }),
      ).toBe('aborted')
    })
  })

  describe('the account of the gateway', () => {
    const levels = async (open: OpenKubectl) =>
      (await open.open.selfTest('cluster')).map(({ level, message }) => `${level}: ${message}`)

    test('one that may do everything is said loudly', async () => {
      expect((await levels(kubectl)).join('\n')).toMatch(/error: may do everything/)
    })

    test('one with the role of docs/kubectl.md may do what it needs, and no Secrets', async () => {
      const gate = openKubectl(kube.kubeconfig, { context: 'gate', namespace: 'dev' })
      expect((await levels(gate)).join('\n')).toMatch(/may not read pods/)
      await expect(gate.run(['get', 'pods'])).rejects.toMatchObject({
        code: 'ERR_KUBECTL_FAILED',
        message: expect.stringContaining('Forbidden'),
      })
      const { parseAllDocuments } = await import('yaml')
      const { readFile } = await import('node:fs/promises')
      const page = await readFile(new URL('../../docs/kubectl.md', import.meta.url), 'utf8')
      const [, yaml = ''] = /```yaml\n(# rbac[\s\S]*?)```/.exec(page) ?? []
      const roles = parseAllDocuments(yaml).map((document) => document.toJS())
      expect(roles.map(({ kind }) => kind)).toEqual(['ClusterRole', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'])
      for (const role of roles) {
        const subjects = role.subjects && [{ kind: 'User', name: 'gate', apiGroup: 'rbac.authorization.k8s.io' }]
        const metadata = { ...role.metadata, ...(role.metadata.namespace !== undefined && { namespace: 'dev' }) }
        await kube.apply({ ...role, metadata, ...(subjects !== undefined && { subjects }) })
      }
      await expect
        .poll(() => levels(gate), { timeout: 30_000, interval: 200 })
        .toEqual([expect.stringMatching(/^ok: reaches Kubernetes/)])
      expect((await gate.run(['get', 'pods'])).result.row_count).toBeGreaterThan(0)
      await gate.run(['rollout', 'restart', 'deployment/web'])
      for (const args of [
        ['get', 'secrets'],
        ['get', 'pods', '-n', 'shop'],
        ['delete', 'namespace', 'dev'],
      ]) {
        await expect(gate.run(args)).rejects.toMatchObject({
          code: 'ERR_KUBECTL_FAILED',
          message: expect.stringContaining('Forbidden'),
        })
      }
      await gate.open.close()
    })

    test('credentials of the kubeconfig are taught to the masker', async () => {
      await kubectl.run(['get', 'pods'])
      expect(kubectl.taught).toContain(kube.token('admin'))
      await configMap('canary', { text: `the token is ${kube.token('admin')}` })
      const { result } = await kubectl.run(['get', 'cm', 'canary', '-o', 'yaml'])
      expect(result.output).toContain('the token is [masked:')
    })
  })

  describe('through a whole gateway', () => {
    let gate: RealGate
    beforeAll(async () => {
      gate = await startClusterGate(kube)
    })
    afterAll(() => gate?.stop())
    const call = (args: readonly string[], manifest?: string) =>
      gate.call('kubectl', { connection: 'cluster', args, ...(manifest !== undefined && { manifest }) })
    const approve = async (args: readonly string[], manifest?: string) => {
      const asked = await call(args, manifest)
      expect(asked.status).toBe('pending_approval')
      const id = asked.approval_id ?? ''
      const view = await gate.reviewer().show(id)
      return { id, view }
    }

    test('a client of the current SDK finds the tool, and reads a Secret without its values', async () => {
      const client = await gate.connectClient()
      const { tools } = await client.listTools()
      expect(tools.map(({ name }) => name)).toContain('kubectl')
      const args = ['get', 'secret', 'db', '-n', 'shop', '-o', 'yaml']
      const answer = await client.callTool({ name: 'kubectl', arguments: { connection: 'cluster', args } })
      expect(answer.structuredContent).toMatchObject({
        status: 'ok',
        masked: [{ where: 'secrets' }, { where: 'secrets' }],
      })
      expect(JSON.stringify(answer)).toContain('password: \\\\\\"[masked:secret]')
      expect(findCanaries(JSON.stringify(answer))).toEqual([])
      await client.close()
    })

    test('reviewers see the request, the objects and the difference; what they approve runs once', async () => {
      const { id, view } = await approve(['scale', 'deployment/web', '--replicas=4', '-n', 'shop'])
      expect(JSON.stringify(view)).toContain('2 -> 4 replicas')
      await gate.reviewer().approve(id)
      const answer = await gate.call('await_approval', { approval_id: id })
      expect(answer).toMatchObject({ status: 'ok', result: { rows: [['shop', 'apps/deployments/web', 'scaled']] } })
      const { body } = await kube.ask('GET', '/apis/apps/v1/namespaces/shop/deployments/web')
      expect(body.spec.replicas).toBe(4)
    })

    test('an approval is void when one more object has the labels by then', async () => {
      const { id } = await approve(['delete', 'pods', '-l', 'app=web', '-n', 'shop'])
      await gate.reviewer().approve(id)
      await kube.apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web-3', namespace: 'shop', labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'nginx:1' }] },
      })
      const answer = await gate.call('await_approval', { approval_id: id })
      expect(answer.status).not.toBe('ok')
      for (const name of ['web-1', 'web-2', 'web-3']) {
        expect((await kube.ask('GET', `/api/v1/namespaces/shop/pods/${name}`)).status).toBe(200)
      }
    })

    test('a Secret that is approved is written, and shown to nobody on the way', async () => {
      const manifest = `apiVersion: v1\nkind: Secret\nmetadata: { name: made, namespace: dev }\nstringData: { password: ${SECRET_VALUE} }`
      const { id, view } = await approve(['apply', '-o', 'yaml'], manifest)
      await gate.reviewer().approve(id)
      const answer = await gate.call('await_approval', { approval_id: id })
      expect(answer.status).toBe('ok')
      const { body } = await kube.ask('GET', '/api/v1/namespaces/dev/secrets/made')
      expect(Buffer.from(body.data.password, 'base64').toString()).toBe(SECRET_VALUE)
      expect(findCanaries(JSON.stringify([view, answer, await gate.readTrail(), gate.logLines]))).toEqual([])
    })
  })
})
