import { execFileSync, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { listen } from '../../fixtures/wire.ts'

/** Nothing of the machine's own configuration takes part. */
export const GIT_ENV = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.test',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.test',
  LC_ALL: 'C',
}

export const PASSWORD = 'upstream-push-canary-8c41f7d2e9'

/** A bare repository behind the real `git http-backend`, which wants a user and a password. */
export interface Upstream {
  readonly url: string
  /** The bare repository. */
  readonly dir: string
  /** Every branch as the repository itself says. */
  refs(): Readonly<Record<string, string>>
  git(args: readonly string[], input?: string): string
  /** Authorization headers of all requests so far. */
  readonly credentials: readonly string[]
  /** Authorization headers at the place that it redirects to. */
  readonly strayed: readonly string[]
  /** What the server does with the next requests. */
  behave(how: Behaviour): void
  stop(): Promise<void>
}

/** `cut-off`: it takes a push, and the connection breaks before it says so. */
export type Behaviour = 'well' | 'cut-off' | 'redirect' | 'forbidden'

export interface UpstreamOptions {
  readonly objectFormat?: 'sha1' | 'sha256'
}

export async function startUpstream({ objectFormat = 'sha1' }: UpstreamOptions = {}): Promise<Upstream> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-upstream-'))
  const dir = join(root, 'team', 'shop.git')
  await mkdir(dir, { recursive: true })
  const git = (args: readonly string[], input?: string) =>
    execFileSync('git', ['--git-dir', dir, ...args], { env: GIT_ENV, ...(input !== undefined && { input }) })
      .toString()
      .trim()
  execFileSync('git', ['init', '--quiet', '--bare', `--object-format=${objectFormat}`, '-b', 'main', dir], {
    env: GIT_ENV,
  })
  git(['config', 'http.receivepack', 'true'])
  const credentials: string[] = []
  let behaviour: Behaviour = 'well'
  const wanted = `Basic ${Buffer.from(`gate:${PASSWORD}`).toString('base64')}`
  const strayed: string[] = []
  const elsewhere = createServer((request, response) => {
    strayed.push(request.headers.authorization ?? 'without a credential')
    response.writeHead(404).end()
  })
  const elsewherePort = await listen(elsewhere)
  const server = createServer((request, response) => {
    const { authorization } = request.headers
    if (authorization !== undefined) credentials.push(authorization)
    if (authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="upstream"' }).end()
      return
    }
    if (behaviour === 'redirect') {
      response.writeHead(302, { location: `http://127.0.0.1:${elsewherePort}${request.url}` }).end()
      return
    }
    if (behaviour === 'forbidden') {
      response.writeHead(403).end()
      return
    }
    const isPush = request.method === 'POST' && request.url?.endsWith('/git-receive-pack') === true
    backend(root, request, response, behaviour === 'cut-off' && isPush)
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/team/shop.git`,
    dir,
    refs() {
      const text = git(['for-each-ref', '--format=%(refname) %(objectname)'])
      return Object.fromEntries(text === '' ? [] : text.split('\n').map((line) => line.split(' ') as [string, string]))
    },
    git,
    credentials,
    strayed,
    behave(how) {
      behaviour = how
    },
    async stop() {
      for (const one of [server, elsewhere]) one.closeAllConnections()
      await new Promise((resolve) => elsewhere.close(resolve))
      await new Promise((resolve) => server.close(resolve))
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** CGI, as far as `git http-backend` needs it. */
function backend(root: string, request: IncomingMessage, response: ServerResponse, cutOff: boolean): void {
  const url = new URL(request.url ?? '/', 'http://upstream.invalid')
  const child = spawn('git', ['http-backend'], {
    env: {
      ...GIT_ENV,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'gate',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  })
  const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request
  body.pipe(child.stdin)
  child.stdin.on('error', () => {})
  let head: Buffer | undefined = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => {
    if (cutOff) return
    if (head === undefined) {
      response.write(chunk)
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    const lines = head.subarray(0, end).toString().split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]))
    const status = Number.parseInt(headers.Status ?? '200', 10)
    delete headers.Status
    response.writeHead(status, headers)
    response.write(head.subarray(end + 4))
    head = undefined
  })
  child.on('close', () => {
    if (cutOff) response.destroy()
    else response.end()
  })
}
