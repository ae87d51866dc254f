import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { dirname, isAbsolute, join } from 'node:path'
import type { KubeConfig } from '@kubernetes/client-node'
import { GateError } from '../../../errors.ts'
import type { ToolParts } from '../../tool.ts'
import type { KubernetesConnection } from '../settings.ts'

/** A way to the API server: where it is, and what a request needs to be let in. */
export interface Access {
  /** Always https. May have a path of its own, as the front of several clusters has. */
  readonly server: URL
  /** Certificates, header and user of one request. Token files and credential plugins are asked again when due. */
  authenticate(signal: AbortSignal): Promise<Authentication>
}

export type Authentication = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'servername' | 'headers' | 'rejectUnauthorized'
>

type Parts = Pick<ToolParts<KubernetesConnection>, 'readSecret' | 'alsoSecret'>

/**
 * Reads the kubeconfig of a connection, or the service account of the pod, and pins its context. Every credential in it
 * is taught to the masker. Errors name what is wrong with the file, never what is in it.
 */
export async function loadAccess(settings: KubernetesConnection, parts: Parts): Promise<Access> {
  // 0.3 s and a hundred megabytes: only a gateway that has a cluster pays for it.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  if (settings.kubeconfig === undefined) loadFromPod(config)
  else await loadFromFile(config, settings, parts)

  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (cluster === null || user === null) return unusable('its context, or the cluster or user of it, does not exist')
  const server = readServer(cluster.server)
  const isOwn = isLoopback(server.hostname)
  if (cluster.skipTLSVerify && !isOwn) unusable('it turns the check of the server’s certificate off')
  if (cluster.proxyUrl) unusable('it names a proxy, which is not supported')
  const provider = user.authProvider
  if (provider && provider.name !== 'tokenFile') unusable('it uses an auth-provider; use a credential plugin (exec)')
  teachSecrets(user, parts.alsoSecret)

  return {
    server,
    async authenticate(signal) {
      const options: RequestOptions = { headers: {} }
      await orAbort(config.applyToHTTPSOptions(options), signal)
      const headers = { ...(options.headers as Record<string, string>) }
      if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
      const authorization = headers.Authorization?.trim()
      if (authorization !== undefined) {
        headers.Authorization = authorization
        parts.alsoSecret(authorization.replace(/^\S+\s+/, ''))
      }
      for (const key of [options.key].flat()) if (key !== undefined) parts.alsoSecret(String(key))
      return {
        ...(options.ca !== undefined && { ca: options.ca }),
        ...(options.cert !== undefined && { cert: options.cert }),
        ...(options.key !== undefined && { key: options.key }),
        ...(options.servername !== undefined && { servername: options.servername }),
        headers,
        // Said out loud, so that no variable of the environment can turn it off.
        rejectUnauthorized: !cluster.skipTLSVerify,
      }
    },
  }
}

function loadFromPod(config: KubeConfig): void {
  try {
    config.loadFromCluster()
  } catch {
    unusable('this process does not run in a pod')
  }
  if (process.env.KUBERNETES_SERVICE_HOST === undefined) unusable('this process does not run in a pod')
}

async function loadFromFile(config: KubeConfig, settings: KubernetesConnection, parts: Parts): Promise<void> {
  const { readSecret, alsoSecret } = parts
  const reference = settings.kubeconfig
  if (reference === undefined || settings.context === undefined) return
  const text = await readSecret(reference)
  const folder = 'file' in reference ? dirname(reference.file) : ''
  try {
    config.loadFromString(text)
    config.makePathsAbsolute(folder)
    config.setCurrentContext(settings.context)
    await useTokenFile(config, text, folder, alsoSecret)
  } catch {
    unusable('it is not a kubeconfig')
  }
}

/** `tokenFile` of the format is not known to the library under that name; it is read again every minute. */
async function useTokenFile(
  config: KubeConfig,
  text: string,
  folder: string,
  alsoSecret: Parts['alsoSecret'],
): Promise<void> {
  const { parse } = await import('yaml')
  const written: unknown = parse(text, { schema: 'core' })
  const users = (written as { users?: { name: string; user?: { tokenFile?: unknown } }[] }).users ?? []
  for (const { name, user } of users) {
    const known = config.users.find((candidate) => candidate.name === name)
    if (typeof user?.tokenFile !== 'string' || known === undefined) continue
    const tokenFile = isAbsolute(user.tokenFile) ? user.tokenFile : join(folder, user.tokenFile)
    Object.assign(known, { token: undefined, authProvider: { name: 'tokenFile', config: { tokenFile } } })
    if (config.getCurrentUser()?.name === name) alsoSecret((await readFile(tokenFile, 'utf8')).trim())
  }
}

function teachSecrets(
  user: { token?: string; password?: string; keyData?: string },
  alsoSecret: (value: string) => void,
) {
  if (user.token) alsoSecret(user.token)
  if (user.password) alsoSecret(user.password)
  if (user.keyData) {
    alsoSecret(user.keyData)
    alsoSecret(Buffer.from(user.keyData, 'base64').toString())
  }
}

function readServer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 'https:') return unusable('its server is not an https address')
  if (url.username !== '' || url.search !== '' || url.hash !== '') unusable('its server is not a plain address')
  return url
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

function unusable(why: string): never {
  throw new GateError('ERR_TARGET_CREDENTIALS', { detail: `The kubeconfig cannot be used: ${why}.` })
}

async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    work
      .then(resolve, () => reject(new GateError('ERR_TARGET_CREDENTIALS', { detail: 'No credential could be got.' })))
      .finally(() => signal.removeEventListener('abort', stop))
  })
}
