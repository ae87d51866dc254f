import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import { makeSelfSigned } from '../../fixtures/selfSigned.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** An HTTPS server that speaks as much of the API as a test of the transport needs, and misbehaves when told to. */
export interface FakeApi {
  readonly url: string
  readonly kubeconfig: string
  readonly requests: {
    method: string
    url: string
    authorization: string | undefined
    body: string
    certificate?: string
  }[]
  /** By the path before the query. */
  readonly answers: Map<string, Answer>
  /** Every command that exec was asked for; the test decides what comes of it. */
  onExec: (socket: WebSocket, query: URLSearchParams) => void
  execStatus: number
  writeConfig(user: unknown, cluster?: Record<string, unknown>): Promise<void>
  stop(): Promise<void>
}

export const sendJson = (response: ServerResponse, body: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const verbs = ['get', 'list', 'create', 'patch', 'delete']
const type = (name: string, kind: string) => ({ name, kind, singularName: kind.toLowerCase(), namespaced: true, verbs })

export async function startFakeApi(): Promise<FakeApi> {
  const { key, cert } = makeSelfSigned(['localhost'])
  const dir = await mkdtemp(join(tmpdir(), 'countersign-api-'))
  const kubeconfig = join(dir, 'kubeconfig')
  const server: Server = createServer({ key, cert, requestCert: true, rejectUnauthorized: false })
  const sockets = new WebSocketServer({ noServer: true })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const address = server.address()
  const url = `https://localhost:${typeof address === 'object' ? address?.port : 0}`
  const api: FakeApi = {
    url,
    kubeconfig,
    requests: [],
    answers: new Map<string, Answer>([
      ['/apis', (_, response) => sendJson(response, { groups: [] })],
      [
        '/api/v1',
        (_, response) => sendJson(response, { resources: [type('pods', 'Pod'), type('configmaps', 'ConfigMap')] }),
      ],
      ['/api/v1/namespaces/default/pods/web', (_, response) => sendJson(response, POD)],
    ]),
    onExec: () => undefined,
    execStatus: 101,
    async writeConfig(user, cluster = {}) {
      const authority = Buffer.from(cert).toString('base64')
      const config = {
        clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': authority, ...cluster } }],
        users: [{ name: 'admin', user }],
        contexts: [{ name: 'admin', context: { cluster: 'c', user: 'admin' } }],
        'current-context': 'other',
      }
      await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
    },
    async stop() {
      sockets.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(dir, { recursive: true, force: true })
    },
  }
  server.on('request', async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { authorization } = request.headers
    const { raw } = (request.socket as TLSSocket).getPeerCertificate()
    const certificate = raw === undefined ? '' : raw.toString('base64')
    api.requests.push({ method: request.method ?? '', url: request.url ?? '', authorization, body, certificate })
    const path = (request.url ?? '').split('?')[0] ?? ''
    const answer = api.answers.get(path)
    if (answer === undefined) sendJson(response, { kind: 'Status', reason: 'NotFound', message: 'not found' }, 404)
    else answer(request, response, body)
  })
  server.on('upgrade', (request, socket, head) => {
    const { authorization } = request.headers
    api.requests.push({ method: 'UPGRADE', url: request.url ?? '', authorization, body: '' })
    if (api.execStatus !== 101) {
      const status = JSON.stringify({
        kind: 'Status',
        reason: 'Forbidden',
        message: 'User "x" cannot create pods/exec',
      })
      socket.end(
        `HTTP/1.1 ${api.execStatus} No\r\ncontent-length: ${status.length}\r\nconnection: close\r\n\r\n${status}`,
      )
      return
    }
    sockets.handleUpgrade(request, socket, head, (open) =>
      api.onExec(open, new URL(request.url ?? '', url).searchParams),
    )
  })
  await api.writeConfig({ token: 'first-token-of-the-gateway' })
  return api
}

const POD = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'web', namespace: 'default', uid: 'u-1', resourceVersion: '7' },
  spec: {
    containers: [
      { name: 'app', image: 'x' },
      { name: 'side', image: 'y' },
    ],
  },
  status: { phase: 'Running' },
}
