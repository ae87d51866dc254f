import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { kubernetesConnection } from '../../../src/tools/kubectl/settings.ts'
import { createKubectl } from '../../../src/tools/kubectl/tool.ts'

const TOKEN = 'kube-token-canary-0123456789'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-kube-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** What a gateway's masker knows before any call, with this user in the kubeconfig. */
async function learned(user: string): Promise<readonly string[]> {
  const secrets: string[] = []
  const kubeconfig = `apiVersion: v1
kind: Config
clusters:
  - { name: local, cluster: { server: "https://127.0.0.1:1" } }
users:
  - { name: gate, user: ${user} }
contexts:
  - { name: gate, context: { cluster: local, user: gate } }
`
  const settings = kubernetesConnection.parse({
    type: 'kubernetes',
    kubeconfig: { file: join(dir, 'config') },
    context: 'gate',
  })
  const kubectl = createKubectl({
    readSecret: async () => kubeconfig,
    alsoSecret: (value) => void secrets.push(value),
    connections: () => ({ local: settings }),
  })
  await kubectl.learnCredentials?.()
  await kubectl.close()
  return secrets
}

test('a token inside a kubeconfig is known before the first call, and nobody was asked', async () => {
  expect(await learned(`{ token: ${TOKEN} }`)).toContain(TOKEN)
})

test('so is one in a file that the kubeconfig names, without its line feed', async () => {
  await writeFile(join(dir, 'token'), `${TOKEN}\n`)
  expect(await learned('{ tokenFile: token }')).toContain(TOKEN)
})

test('a plugin is not run for it, and a file that cannot be used stops nothing', async () => {
  const marker = join(dir, 'ran')
  const exec = `{ exec: { apiVersion: client.authentication.k8s.io/v1, command: touch, args: [${marker}] } }`
  expect(await learned(exec)).toEqual([])
  await expect(import('node:fs/promises').then(({ stat }) => stat(marker))).rejects.toThrow('ENOENT')
  expect(await learned('{ tokenFile: missing }')).toEqual([])
})
