import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { ToolParts } from '../../tool.ts'
import type { KubernetesConnection } from '../settings.ts'
import type { ApiRequest } from './apiRequest.ts'
import { createDiscovery, type Discovery, type Resource } from './discovery.ts'
import { failureOf } from './failureOf.ts'
import { type Access, loadAccess } from './loadAccess.ts'
import { createAgent, type RawAnswer, sendRequest } from './sendRequest.ts'

/** A cluster as the rest of the tool sees it. */
export interface Cluster extends Discovery {
  /** The answer as JSON. @throws GateError for every answer that is no success. */
  ask(request: ApiRequest, signal: AbortSignal): Promise<Json>
  /** The answer and its status; the same errors. */
  askWithStatus(request: ApiRequest, signal: AbortSignal): Promise<{ readonly status: number; readonly answer: Json }>
  /** The answer as text, for logs. */
  askText(request: ApiRequest, signal: AbortSignal): Promise<string>
  access(): Promise<Access>
  close(): void
}

/** Opens a cluster lazily: the kubeconfig is read with the first request, and again when the server says 401. */
export function openCluster(
  settings: KubernetesConnection,
  parts: Pick<ToolParts<KubernetesConnection>, 'readSecret' | 'alsoSecret'>,
): Cluster {
  const agent = createAgent()
  let opened: Promise<Access> | undefined
  const access = () => {
    opened ??= loadAccess(settings, parts).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const send = async (request: ApiRequest, signal: AbortSignal): Promise<RawAnswer> => {
    const answer = await sendRequest(await access(), agent, request, settings.limits.timeout, signal)
    if (answer.status !== 401) return answer
    // The credential may have been rotated. Nothing was executed, so the same request may be sent once more.
    opened = undefined
    return sendRequest(await access(), agent, request, settings.limits.timeout, signal)
  }
  const askWithStatus: Cluster['askWithStatus'] = async (request, signal) => {
    const { status, body } = await send(request, signal)
    const answer = parseJson(body)
    if (status < 200 || status > 299) throw failureOf(status, answer, request)
    if (answer === undefined) throw new GateError('ERR_TARGET_FAILED', { detail: 'It did not answer in JSON.' })
    return { status, answer }
  }
  const ask: Cluster['ask'] = async (request, signal) => (await askWithStatus(request, signal)).answer
  return {
    ...createDiscovery(ask),
    ask,
    askWithStatus,
    async askText(request, signal) {
      const { status, body } = await send(request, signal)
      if (status < 200 || status > 299) throw failureOf(status, parseJson(body), request)
      return body.toString('utf8')
    },
    access,
    close: () => agent.destroy(),
  }
}

function parseJson(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** The path of a type, or of one object of it. `namespace` undefined: all of them, or a type that has none. */
export function resourcePath(
  { group, version, name: plural }: Pick<Resource, 'group' | 'version' | 'name'>,
  namespace: string | undefined,
  ...below: readonly string[]
): readonly string[] {
  return [
    ...(group === '' ? ['api', version] : ['apis', group, version]),
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    plural,
    ...below,
  ]
}
