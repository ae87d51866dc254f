import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'

const run = promisify(execFile)

/** A real API server on loopback. */
export interface KubeApi {
  /** Contexts `admin` (everything) and `gate` (nothing until it is bound). */
  readonly kubeconfig: string
  /** The token of a user of the kubeconfig. */
  token(user: 'admin' | 'gate'): string
  /** Any request as the admin. */
  ask(method: string, path: string, body?: unknown, contentType?: string): Promise<KubeAnswer>
  /** Makes sure that objects are there, whatever was before. */
  apply(...objects: readonly KubeObject[]): Promise<void>
  stop(): Promise<void>
}

export interface KubeAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers of the API, looked at by tests alone
  readonly body: any
}

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

const SCRIPT = '.ci/kube-up'
const HOME = process.env.KUBE_HOME ?? join(homedir(), '.cache', 'kube-up')

/**
 * Why there can be no API server here; undefined when there can. KUBE_TEST_CONFIG names the kubeconfig of one that runs
 * already. Under CI nothing is skipped: what is missing fails.
 */
export function whyNoKubeApi(): string | undefined {
  if (process.env.CI !== undefined || process.env.KUBE_TEST_CONFIG !== undefined) return undefined
  if (existsSync(join(HOME, 'kube-apiserver'))) return undefined
  const reason = `no kube-apiserver in ${HOME}: run ${SCRIPT} build`
  console.log(`skipped: ${reason}`)
  return reason
}

export async function startKubeApi(): Promise<KubeApi> {
  const running = process.env.KUBE_TEST_CONFIG
  if (running !== undefined) return openKubeApi(running, async () => undefined)
  const parent = await mkdtemp(join(tmpdir(), 'countersign-kube-'))
  const folder = join(parent, 'run')
  const env = { ...process.env, KUBE_RUN: folder }
  const stop = async () => {
    await run(SCRIPT, ['stop'], { env })
    await rm(parent, { recursive: true, force: true })
  }
  try {
    // The servers must not keep the pipes of this command open, or it would never end.
    const { stdout } = await run(SCRIPT, ['start'], { env, timeout: 900_000 })
    return await openKubeApi(stdout.trim().replace('KUBECONFIG=', ''), stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function openKubeApi(kubeconfig: string, stop: () => Promise<void>): Promise<KubeApi> {
  const config = parse(await readFile(kubeconfig, 'utf8'))
  const [{ cluster }] = config.clusters
  const tokens = new Map<string, string>()
  for (const { name, user } of config.users) tokens.set(name, user.token)
  const token = (user: string) => tokens.get(user) ?? ''
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64')
  const ask: KubeApi['ask'] = (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const url = new URL(path, cluster.server)
      const headers = { authorization: `Bearer ${token('admin')}`, 'content-type': contentType }
      const outgoing = request(url, { method, ca, headers }, async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text })
      })
      outgoing.on('error', reject)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  return {
    kubeconfig,
    token,
    ask,
    async apply(...objects) {
      for (const object of objects) {
        const path = `${pathOf(object)}?fieldManager=fixture&force=true`
        const { status, body } = await ask('PATCH', path, object, 'application/apply-patch+yaml')
        if (status > 299) throw new Error(`${object.kind} ${object.metadata.name}: ${JSON.stringify(body)}`)
      }
    },
    stop,
  }
}

/** Enough for the kinds of the tests. */
function pathOf({ apiVersion, kind, metadata }: KubeObject): string {
  const plural =
    kind === 'NetworkPolicy' ? 'networkpolicies' : kind === 'Endpoints' ? 'endpoints' : `${kind.toLowerCase()}s`
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${plural}/${metadata.name}`
}
