import { X509Certificate } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type OpenKubectl, openKubectl } from '../../fixtures/openKubectl.ts'
import { makeSelfSigned } from '../../fixtures/selfSigned.ts'
import { type FakeApi, sendJson, startFakeApi } from './fakeApi.ts'

const CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { x: y }'
const MAPS = '/api/v1/namespaces/default/configmaps'
const GET_POD = ['get', 'pod', 'web', '-o', 'json']

let api: FakeApi
let kubectl: OpenKubectl
beforeEach(async () => {
  api = await startFakeApi()
  kubectl = openKubectl(api.kubeconfig, { limits: { timeout: '4s', maxBytes: '64KiB' } })
})
afterEach(async () => {
  await kubectl.open.close()
  await api.stop()
})

describe('requests to the API server', () => {
  test('the context is the one of the connection, and the token goes along', async () => {
    const { result } = await kubectl.run(GET_POD)
    expect(result.output.metadata.name).toBe('web')
    expect(new Set(api.requests.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer first-token-of-the-gateway']),
    )
  })

  test('an answer that never ends is cut off', async () => {
    api.answers.set('/api/v1/namespaces/default/pods/web', (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) {}
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    // Long enough for a slow machine: it is the size that ends it.
    const patient = openKubectl(api.kubeconfig, { limits: { timeout: '60s' } })
    await expect(patient.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_KUBECTL_TOO_LARGE' })
    await patient.open.close()
  })

  test('a redirect is not followed', async () => {
    const other = await startFakeApi()
    api.answers.set('/api/v1/namespaces/default/pods/web', (_, response) => {
      response.writeHead(307, { location: `${other.url}/api/v1/namespaces/default/pods/web` }).end()
    })
    await expect(kubectl.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_FAILED' })
    expect(other.requests).toEqual([])
    await other.stop()
  })

  test('a server that is silent is given up; a change that it may have made is not known', async () => {
    api.answers.set('/api/v1/namespaces/default/pods/web', () => undefined)
    await expect(kubectl.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    api.answers.set(MAPS, (request, response, body) => {
      if (request.url?.includes('dryRun=All')) sendJson(response, JSON.parse(body), 201)
      else response.destroy()
    })
    await expect(kubectl.run(['create'], CONFIG_MAP)).rejects.toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
    expect(api.requests.filter(({ method, url }) => method === 'POST' && !url.includes('dryRun'))).toHaveLength(1)
    expect(kubectl.outcomeRefs).toHaveLength(1)
  })

  test('a server error after a change was sent is not taken for a refusal', async () => {
    api.answers.set(MAPS, (request, response, body) => {
      if (request.url?.includes('dryRun=All')) sendJson(response, JSON.parse(body), 201)
      else sendJson(response, { kind: 'Status', reason: 'Timeout', message: 'etcd' }, 504)
    })
    await expect(kubectl.run(['create'], CONFIG_MAP)).rejects.toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
  })

  test('nothing is written before its outcome can be looked up', async () => {
    api.answers.set(MAPS, (_, response, body) => sendJson(response, JSON.parse(body), 201))
    const understanding = await kubectl.understand(['create'], CONFIG_MAP)
    const refuse = async () => {
      throw new Error('the trail is full')
    }
    const call = { callId: 'c', approvalId: undefined, constraints: { maxRows: undefined } }
    await expect(understanding.execute(call as never, refuse, AbortSignal.timeout(5_000))).rejects.toThrow(
      'the trail is full',
    )
    expect(api.requests.filter(({ method, url }) => method === 'POST' && !url.includes('dryRun'))).toEqual([])
  })

  test('a message about values stays with the gateway', async () => {
    const message = 'Invalid value: "hunter2-canary": spec.x: Forbidden: diff: hunter2-canary'
    api.answers.set('/api/v1/namespaces/default/pods/web', (_, response) =>
      sendJson(
        response,
        {
          kind: 'Status',
          reason: 'Invalid',
          message,
          details: { causes: [{ field: 'spec.x', message, reason: 'FieldValueInvalid' }] },
        },
        422,
      ),
    )
    const error = await kubectl.run(GET_POD).catch((caught: Error) => caught)
    expect(error).toMatchObject({
      code: 'ERR_KUBECTL_FAILED',
      message: expect.stringContaining('spec.x: FieldValueInvalid'),
    })
    expect((error as Error).message).not.toContain('canary')
  })
})

describe('credentials of a cluster', () => {
  const refuseOld = (wanted: string) => {
    const answer = api.answers.get('/api/v1/namespaces/default/pods/web')
    api.answers.set('/api/v1/namespaces/default/pods/web', (request, response, body) => {
      if (request.headers.authorization === `Bearer ${wanted}`) answer?.(request, response, body)
      else sendJson(response, { kind: 'Status', reason: 'Unauthorized' }, 401)
    })
  }

  test('a rotated token is read when the old one stops working', async () => {
    await kubectl.run(GET_POD)
    await api.writeConfig({ token: 'second-token-of-the-gateway' })
    refuseOld('second-token-of-the-gateway')
    await kubectl.run(GET_POD)
    expect(kubectl.taught).toContain('second-token-of-the-gateway')
  })

  test('one that is refused twice ends the call, and is not in what is said', async () => {
    refuseOld('another')
    const error = await kubectl.run(GET_POD).catch((caught: Error) => caught)
    expect(error).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect((error as Error).message).not.toContain('first-token')
  })

  test('a token file is read, relative to the kubeconfig, and taught to the masker', async () => {
    await writeFile(join(dirname(api.kubeconfig), 'token'), 'token-from-a-file-1234\n')
    await api.writeConfig({ tokenFile: 'token' })
    await kubectl.run(GET_POD)
    expect(api.requests.at(-1)?.authorization).toBe('Bearer token-from-a-file-1234')
    expect(kubectl.taught).toContain('token-from-a-file-1234')
  })

  test('a credential plugin of the file is run, and its token is taught to the masker', async () => {
    const plugin = join(dirname(api.kubeconfig), 'plugin')
    const credential = JSON.stringify({ kind: 'ExecCredential', status: { token: 'token-of-a-plugin-1234' } })
    await writeFile(plugin, `#!/bin/sh\nprintf '%s' '${credential}'\n`)
    await chmod(plugin, 0o700)
    await api.writeConfig({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } })
    await kubectl.run(GET_POD)
    expect(api.requests.at(-1)?.authorization).toBe('Bearer token-of-a-plugin-1234')
    expect(kubectl.taught).toContain('token-of-a-plugin-1234')
  })

  test('a client certificate is shown to the server, and its key is taught to the masker', async () => {
    const { key, cert } = makeSelfSigned(['gate'])
    const [certificate, secret] = [cert, key].map((pem) => Buffer.from(pem).toString('base64'))
    await api.writeConfig({ 'client-certificate-data': certificate, 'client-key-data': secret })
    await kubectl.run(GET_POD)
    expect(api.requests.at(-1)).toMatchObject({
      authorization: undefined,
      certificate: new X509Certificate(cert).raw.toString('base64'),
    })
    expect(kubectl.taught).toContain(key)
  })

  test('outside of a pod there is no service account to use', async () => {
    const inPod = openKubectl(api.kubeconfig, { kubeconfig: undefined, context: undefined, inCluster: true })
    await expect(inPod.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    await inPod.open.close()
  })

  test('a plugin that hangs is given up', async () => {
    await api.writeConfig({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sleep', args: ['30'] } })
    await expect(kubectl.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(api.requests).toEqual([])
  })

  test.each([
    ['an address that is not https', { token: 'x' }, { server: 'http://localhost:1' }],
    [
      'a server elsewhere whose certificate is not checked',
      { token: 'x' },
      { server: 'https://10.0.0.1:6443', 'insecure-skip-tls-verify': true },
    ],
    ['a proxy', { token: 'x' }, { 'proxy-url': 'http://localhost:3128' }],
    ['an auth-provider', { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/true' } } }, {}],
    ['an address with a user', { token: 'x' }, { server: 'https://a:b@localhost:1' }],
  ])('%s is refused, and nothing is sent', async (_, user, cluster) => {
    await api.writeConfig(user, cluster)
    await expect(kubectl.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(api.requests).toEqual([])
  })

  test('a context that does not exist is refused, whatever is current', async () => {
    const other = openKubectl(api.kubeconfig, { context: 'other' })
    await expect(other.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    await other.open.close()
  })

  test('a server whose certificate is another gets no credential, even where the environment would let it', async () => {
    const other = await startFakeApi()
    await api.writeConfig({ token: 'first-token-of-the-gateway' }, { server: other.url })
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      await expect(kubectl.run(GET_POD)).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    }
    expect(other.requests).toEqual([])
    await other.stop()
  })
})

describe('types that somebody added', () => {
  beforeEach(() => {
    const resources = [
      {
        name: 'widgets',
        kind: 'Widget',
        singularName: 'widget',
        namespaced: true,
        verbs: ['get', 'list', 'create', 'patch'],
      },
    ]
    const groups = [
      { versions: [{ groupVersion: 'example.com/v1' }], preferredVersion: { groupVersion: 'example.com/v1' } },
    ]
    api.answers.set('/apis', (_, response) => sendJson(response, { groups }))
    api.answers.set('/apis/example.com/v1', (_, response) => sendJson(response, { resources }))
  })
  const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'

  test('any change of one is for a person', async () => {
    api.answers.set(`${WIDGETS}/w`, (request, response, body) =>
      request.method === 'GET'
        ? sendJson(response, { reason: 'NotFound' }, 404)
        : sendJson(response, JSON.parse(body), 201),
    )
    const { operations } = await kubectl.understand(
      ['apply'],
      'apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }',
    )
    expect(operations.map(({ operation, otherwise }) => [operation, otherwise])).toEqual([
      ['apply', 'deny'],
      ['kind:example.com/widgets', 'require-approval'],
    ])
  })

  test('a column of a table that is called a secret is hidden', async () => {
    api.answers.set(WIDGETS, (_, response) =>
      sendJson(response, {
        kind: 'Table',
        columnDefinitions: [
          { name: 'Name', priority: 0 },
          { name: 'Db Credentials', priority: 0 },
          { name: 'Size', priority: 0 },
        ],
        rows: [{ cells: ['w', 'hunter2-canary', 3], object: { metadata: { name: 'w' } } }],
      }),
    )
    const { result } = await kubectl.run(['get', 'widgets'])
    expect(result.rows).toEqual([['w', '[masked:secret-by-name]', 3]])
  })

  test('a column of a table does not show what is hidden in the object, whatever it is called', async () => {
    api.answers.set(WIDGETS, (_, response) =>
      sendJson(response, {
        kind: 'Table',
        columnDefinitions: ['Name', 'Info', 'Ready'].map((name) => ({ name, priority: 0 })),
        rows: [
          {
            cells: ['w', 'uses hunter2-canary', true],
            object: { metadata: { name: 'w' }, spec: { password: 'hunter2-canary' } },
          },
        ],
      }),
    )
    const { result } = await kubectl.run(['get', 'widgets'])
    expect(result.rows).toEqual([['w', '[masked:protected-field]', true]])
    expect(api.requests.at(-1)?.url).toContain('includeObject=Object')
  })

  test('items of a list of Secrets are Secrets, although they do not say so', async () => {
    api.answers.set('/api/v1', (_, response) =>
      sendJson(response, {
        resources: [{ name: 'secrets', kind: 'Secret', singularName: 'secret', namespaced: true, verbs: ['list'] }],
      }),
    )
    api.answers.set('/api/v1/namespaces/default/secrets', (_, response) =>
      sendJson(response, { kind: 'SecretList', items: [{ metadata: { name: 'a' }, data: { x: 'Y2FuYXJ5LXZhbHVl' } }] }),
    )
    const { result } = await kubectl.run(['get', 'secrets', '-o', 'json'])
    expect(result.output.items[0].data).toEqual({ x: '[masked:secret]' })
  })
})

describe('logs', () => {
  const LOG = '/api/v1/namespaces/default/pods/web/log'

  test('the end of a log is asked for, of the first container, within the caps', async () => {
    api.answers.set(LOG, (_, response) => response.end('one\npassword=hunter2-canary\n'))
    const { result } = await kubectl.run(['logs', 'web', '--tail=5000', '--since=1h30m'])
    const query = new URL(api.requests.at(-1)?.url ?? '', api.url).searchParams
    expect(Object.fromEntries(query)).toEqual({
      tailLines: '1000',
      limitBytes: '131072',
      sinceSeconds: '5400',
      container: 'app',
    })
    expect(result['web/app']).toContain('one')
    expect(JSON.stringify(result)).not.toContain('canary')
  })

  test('all containers, each under its name', async () => {
    api.answers.set(LOG, (request, response) =>
      response.end(`log of ${request.url?.includes('side') ? 'side' : 'app'}`),
    )
    const { result } = await kubectl.run(['logs', 'web', '--all-containers'])
    expect(result).toMatchObject({ 'web/app': 'log of app', 'web/side': 'log of side' })
  })

  test('a long log is cut, and says so', async () => {
    api.answers.set(LOG, (_, response) => response.end('line of a log\n'.repeat(10_000)))
    const { result } = await kubectl.run(['logs', 'web'])
    expect(result.truncated).toBe(true)
    expect(result['web/app'].length).toBeLessThanOrEqual(65_536)
  })
})

describe('exec', () => {
  const status = (socket: { send(data: Buffer): void }, body: unknown) =>
    socket.send(Buffer.concat([Buffer.from([3]), Buffer.from(JSON.stringify(body))]))
  const write = (socket: { send(data: Buffer): void }, channel: number, text: string) =>
    socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]))

  test('a command comes back with its streams and its exit code', async () => {
    api.onExec = (socket, query) => {
      write(socket, 1, `ran ${query.getAll('command').join('|')}`)
      write(socket, 2, 'and password=hunter2-canary')
      status(socket, { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '3' }] } })
    }
    const { result } = await kubectl.run(['exec', 'web', '-c', 'side', '--', 'ls', '-l', '/a b'])
    expect(result).toMatchObject({ stdout: 'ran ls|-l|/a b', exit_code: 3, container: 'side' })
    expect(JSON.stringify(result)).not.toContain('canary')
    const query = new URL(api.requests.at(-1)?.url ?? '', api.url).searchParams
    expect([query.get('stdin'), query.get('tty')]).toEqual(['false', 'false'])
  })

  test('output beyond the cap is dropped, and the exit code is still known', async () => {
    api.onExec = (socket) => {
      for (let i = 0; i < 40; i++) write(socket, 1, 'x'.repeat(10_000))
      status(socket, { status: 'Success' })
    }
    const { result } = await kubectl.run(['exec', 'web', '--', 'yes'])
    expect(result).toMatchObject({ exit_code: 0, truncated: true })
    expect(result.stdout.length).toBeLessThanOrEqual(65_536)
  })

  test.each([
    ['the connection is lost', (socket: { terminate(): void }) => socket.terminate()],
    ['the command does not end', () => undefined],
  ])('when %s, nobody claims to know the outcome', async (_, onExec) => {
    api.onExec = onExec
    await expect(kubectl.run(['exec', 'web', '--', 'sleep', '9'])).rejects.toMatchObject({
      code: 'ERR_OUTCOME_UNKNOWN',
    })
  })

  test('a refused upgrade is a refusal', async () => {
    api.execStatus = 403
    await expect(kubectl.run(['exec', 'web', '--', 'ls'])).rejects.toMatchObject({ code: 'ERR_KUBECTL_FAILED' })
  })

  test('a command that can run anything is for a person, whatever a rule says', async () => {
    for (const command of [
      ['sh', '-c', 'id'],
      ['sudo', 'id'],
      ['env', 'x=y', 'id'],
      ['python', '-c', '1'],
    ]) {
      const { operations } = await kubectl.understand(['exec', 'web', '--', ...command])
      expect(operations[0]).toMatchObject({ operation: 'exec', floor: 'require-approval' })
    }
    const { operations } = await kubectl.understand(['exec', 'web', '--', 'ls', '/'])
    expect(operations[0]).not.toHaveProperty('floor')
  })
})
