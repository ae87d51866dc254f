import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RealDatabase, RealDatabaseOptions } from '../../fixtures/realDatabase.ts'
import { type RealGate, type RealGateOptions, startRealGate } from '../../fixtures/realGate.ts'
import { GIT_ENV, PASSWORD, startUpstream, type Upstream, type UpstreamOptions } from './upstream.ts'

export interface GitGate {
  readonly gate: RealGate
  readonly upstream: Upstream
  /** The address that agents push to. */
  readonly address: string
  /** A clone of the repository as it was at the start, with nothing of the gateway in it. */
  readonly clone: string
  /** git in the clone. */
  git(...args: readonly string[]): string
  /** `git push` of plain git to the gateway, as a caller. */
  push(refspecs: readonly string[], options?: PushOptions): Promise<Pushed>
  stop(): Promise<void>
}

interface PushOptions {
  readonly token?: string
  readonly as?: 'basic' | 'bearer' | 'nobody'
  readonly args?: readonly string[]
  readonly clone?: string
  readonly connection?: string
}

interface Pushed {
  readonly code: number
  readonly output: string
}

/** No statement is ever run: the connection to a database is only there because every gate of the tests has one. */
const NO_DATABASE = {
  host: '127.0.0.1',
  port: 1,
  stop: async () => {},
  admin: async () => [],
} as unknown as RealDatabase

export async function startGitGate(
  options: Omit<RealGateOptions, keyof RealDatabaseOptions> & {
    readonly policy: string
    readonly settings?: Readonly<Record<string, unknown>>
    readonly upstreamOptions?: UpstreamOptions
    readonly seed?: (upstream: Upstream) => void
    /** More connections to the same repository. */
    readonly others?: readonly string[]
    /** Settings of a connection, instead of those for HTTP. */
    readonly connectionOf?: (name: string, upstream: Upstream) => Readonly<Record<string, unknown>>
    /** Done before the gateway starts. */
    readonly before?: () => Promise<void>
  },
): Promise<GitGate> {
  const upstream = await startUpstream(options.upstreamOptions)
  seedShop(upstream)
  options.seed?.(upstream)
  const { policy, settings, upstreamOptions: _, seed: __, others = [], connectionOf, before, ...rest } = options
  await before?.()
  const secretDir = await mkdtemp(join(tmpdir(), 'countersign-git-'))
  await writeFile(join(secretDir, 'password'), PASSWORD, { mode: 0o600 })
  const password = { file: join(secretDir, 'password') }
  const connection = { type: 'git', url: upstream.url, user: 'gate', password, ...settings }
  const gate = await startRealGate({
    database: NO_DATABASE,
    policies: [policy],
    connections: Object.fromEntries(
      ['shop', ...others].map((name) => [name, connectionOf?.(name, upstream) ?? connection]),
    ),
    ...rest,
  })
  const clone = join(secretDir, 'clone')
  execFileSync('git', ['clone', '--quiet', '--template=', upstream.dir, clone], { env: GIT_ENV })
  const ownToken = await gate.mint('app-only')
  const address = new URL('/git/shop', gate.url).href
  return {
    gate,
    upstream,
    address,
    clone,
    git: (...args) =>
      execFileSync('git', ['-C', clone, ...args], { env: GIT_ENV })
        .toString()
        .trim(),
    push: (refspecs, { token = ownToken, as = 'basic', args = [], clone: from = clone, connection = 'shop' } = {}) => {
      const url = new URL(`/git/${connection}`, gate.url)
      if (as === 'basic') {
        url.username = 'agent'
        url.password = token
      }
      const config = as === 'bearer' ? ['-c', `http.extraHeader=Authorization: Bearer ${token}`] : []
      return run(['-C', from, ...config, 'push', ...args, url.href, ...refspecs])
    },
    async stop() {
      await gate.stop()
      await upstream.stop()
      await rm(secretDir, { recursive: true, force: true })
    },
  }
}

export function run(args: readonly string[]): Promise<Pushed> {
  return new Promise((resolve) => {
    execFile('git', [...args], { env: GIT_ENV, maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, output: `${stdout}${stderr}` })
    })
  })
}

/** Two branches with a little history; no work tree is needed for it. */
function seedShop(upstream: Upstream): void {
  const file = (path: string, text: string, mode = '100644') =>
    `M ${mode} inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`
  const commit = (branch: string, mark: number, from: number | undefined, message: string, body: string) =>
    `commit refs/heads/${branch}\nmark :${mark}\nauthor Ada <ada@example.test> ${1_700_000_000 + mark * 60} +0000\ncommitter Ada <ada@example.test> ${1_700_000_000 + mark * 60} +0000\ndata ${Buffer.byteLength(message)}\n${message}\n${from === undefined ? '' : `from :${from}\n`}${body}\n`
  upstream.git(
    ['fast-import', '--quiet'],
    [
      commit(
        'main',
        1,
        undefined,
        'Shop',
        file('README.md', '# Shop\n') +
          file('src/cart.ts', 'export const cart = []\n') +
          file('.github/workflows/ci.yml', 'on: push\n'),
      ),
      commit('main', 2, 1, 'Prices', file('src/price.ts', 'export const price = 1\nexport const tax = 2\n')),
      commit('develop', 3, 2, 'Develop', file('docs/guide.md', 'Guide\n')),
      commit('main', 4, 2, 'Orders', file('src/order.ts', 'export const order = {}\n')),
    ].join(''),
  )
}
