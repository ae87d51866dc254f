import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Account, type PostgresBinaries, type PostgresMajor, preparePostgresBinaries } from './postgresBinaries.ts'
import { WATCHDOG } from './postgresWatchdog.ts'

export interface StartPostgresOptions {
  /** Defaults to 18. */
  readonly major?: PostgresMajor
  /** Kept after `stop` and used again. By default a temporary folder that disappears with the server. */
  readonly dataDir?: string
  /** By default a free port, chosen at random. */
  readonly port?: number
  /** Server settings, `{ log_statement: 'all' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface RunningPostgres {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly superuser: 'postgres'
  readonly password: string
  readonly major: PostgresMajor
  /** The most recent lines of the server's log, at most 64 KiB. */
  log(): string
  /** Fast shutdown, then the temporary folder is removed. May be called twice. */
  stop(): Promise<void>
}

/** What the server logs, in the C locale, when it accepts connections. */
const READY = 'database system is ready to accept connections'
const LOG_CHARACTERS = 64 * 1024

/**
 * Starts a PostgreSQL server from the binaries in this package's optional dependencies, for the demo and for tests:
 * loopback only, password (SCRAM) for everybody, no Unix socket. Started by root it runs as `nobody`, because
 * PostgreSQL refuses to run as root. When this process ends in any way, kill -9 included, the server stops too.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<RunningPostgres> {
  // Somebody else may take a free port between its choice and its use; the server then ends, and we choose again.
  for (let attempt = 1; ; attempt++) {
    const started = await tryToStart(options)
    if (typeof started !== 'string') return started
    if (attempt === 5 || options.port !== undefined || !started.includes('could not bind')) {
      throw new Error(`PostgreSQL ${options.major ?? 18} did not start: ${started.slice(-2000)}`)
    }
  }
}

/** The running server, or its log when it ended instead. */
async function tryToStart(options: StartPostgresOptions): Promise<RunningPostgres | string> {
  const major = options.major ?? 18
  const account = await unprivilegedAccount()
  const scratch = await makeScratch(account)
  try {
    const binaries = await preparePostgresBinaries(major, scratch, account)
    const dataDir = options.dataDir ?? join(scratch, 'data')
    const password = await prepareDataDir(dataDir, binaries, scratch, account, options.dataDir === undefined)
    const settings = options.dataDir === undefined ? { ...DISPOSABLE, ...options.settings } : (options.settings ?? {})
    const port = options.port ?? (await freePort())
    const { ready, log, stop } = spawnServer(binaries, dataDir, port, settings, scratch, account)
    if (!(await ready)) {
      await stop()
      return log()
    }
    return { host: '127.0.0.1', port, superuser: 'postgres', password, major, log, stop }
  } catch (error) {
    await rm(scratch, { recursive: true, force: true })
    throw error
  }
}

/** Durability costs time and buys nothing for data that disappears with the server. */
const DISPOSABLE = { fsync: 'off', full_page_writes: 'off', autovacuum_naptime: '1h' }

/** Everything that works for a hundred connections of tests, in little memory. */
const ALWAYS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '100',
  logging_collector: 'off',
}

async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((row) => row.startsWith('nobody:'))
  const [uid, gid] = line?.split(':').slice(2, 4).map(Number) ?? []
  // macOS writes -2 for 4294967294.
  return { uid: (uid ?? 65534) >>> 0, gid: (gid ?? 65534) >>> 0 }
}

async function makeScratch(account: Account | undefined): Promise<string> {
  const parent = account === undefined || (await isSearchableByAll(tmpdir())) ? tmpdir() : '/tmp'
  const scratch = await mkdtemp(join(parent, 'countersign-postgres-'))
  if (account !== undefined) await chown(scratch, account.uid, account.gid)
  return scratch
}

async function isSearchableByAll(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false
    if (path === dirname(path)) return true
  }
}

/** Creates the cluster unless it is there already; returns the superuser's password, which is kept inside it. */
async function prepareDataDir(
  dataDir: string,
  binaries: PostgresBinaries,
  scratch: string,
  account: Account | undefined,
  disposable: boolean,
): Promise<string> {
  const passwordFile = join(dataDir, 'superuser.password')
  const kept = await readFile(passwordFile, 'utf8').catch(() => undefined)
  if (kept !== undefined) return kept

  const password = randomBytes(18).toString('base64url')
  const initial = join(scratch, 'password')
  await writeFile(initial, password, { mode: 0o600 })
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (account !== undefined) {
    await chown(initial, account.uid, account.gid)
    await chown(dataDir, account.uid, account.gid)
  }
  await promisify(execFile)(
    binaries.initdb,
    [
      ...['-D', dataDir, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${initial}`],
      ...['--encoding=UTF8', '--locale=C', ...(disposable ? ['--no-sync'] : [])],
    ],
    { env: { ...binaries.env, PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }, cwd: scratch, ...account },
  )
  await rm(initial)
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid)
  return password
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has an address')
  return address.port
}

interface SpawnedServer {
  /** True when the server accepts connections, false when it ended instead. */
  readonly ready: Promise<boolean>
  log(): string
  stop(): Promise<void>
}

function spawnServer(
  binaries: PostgresBinaries,
  dataDir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
  scratch: string,
  account: Account | undefined,
): SpawnedServer {
  const all = { ...ALWAYS, ...settings, port: String(port) }
  const job = {
    command: binaries.postgres,
    args: ['-D', dataDir, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    options: { env: { ...binaries.env, LC_ALL: 'C', TZ: 'UTC' }, cwd: scratch, ...account },
    remove: scratch,
  }
  // Detached: a Ctrl-C in the terminal reaches this process only, which then decides when the server stops.
  const watchdog = spawn(process.execPath, ['-e', WATCHDOG, JSON.stringify(job)], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: {},
  })
  const pipes = [watchdog, watchdog.stdin as Socket, watchdog.stderr as unknown as Socket]
  const ended = new Promise<void>((resolve) => watchdog.once('close', () => resolve()))
  let log = ''
  let isReady = false
  const ready = new Promise<boolean>((resolve) => {
    watchdog.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-LOG_CHARACTERS)
      // Once: what the server says while it stops must not let go of the process that waits for it.
      if (isReady || !log.includes(READY)) return
      isReady = true
      resolve(true)
      // From here neither the watchdog nor its pipes keep this process alive: when it ends, the server stops.
      for (const pipe of pipes) pipe.unref()
    })
    void ended.then(() => resolve(false))
  })
  watchdog.stdin.on('error', () => undefined)
  return {
    ready,
    log: () => log,
    stop: async () => {
      for (const pipe of pipes) pipe.ref()
      watchdog.stdin.end()
      await ended
    },
  }
}
