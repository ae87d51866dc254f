import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres } from '../../src/demo/postgres.ts'

const isRoot = process.getuid?.() === 0

describe('startPostgres', () => {
  test.each([15, 16, 17, 18] as const)(
    'serves PostgreSQL %i with a password, and is gone after stop',
    async (major) => {
      const server = await startPostgres({ major, settings: { work_mem: '5MB' } })
      expect(await ask(server, "current_setting('server_version_num')::int / 10000")).toBe(major)
      expect(await ask(server, "current_setting('work_mem')")).toBe('5MB')
      expect(await ask(server, "current_setting('listen_addresses')")).toBe('127.0.0.1')
      expect(await ask(server, "current_setting('unix_socket_directories')")).toBe('')
      await expect(ask({ ...server, password: 'wrong' }, '1')).rejects.toMatchObject({ code: '28P01' })

      const dataDir = String(await ask(server, "current_setting('data_directory')"))
      await Promise.all([server.stop(), server.stop()])
      expect(await isListening(server.port)).toBe(false)
      await expect(stat(dirname(dataDir))).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )

  test('starts several servers of one major at once, each with its own data and password', async () => {
    const servers = await Promise.all([startPostgres(), startPostgres(), startPostgres()])
    try {
      expect(new Set(servers.map((server) => server.port)).size).toBe(3)
      expect(new Set(servers.map((server) => server.password)).size).toBe(3)
      expect(await Promise.all(servers.map((server) => ask(server, '1')))).toEqual([1, 1, 1])
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  })

  test('keeps a data folder that the caller names, with its password, over a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-test-'))
    await chmod(folder, 0o755)
    const dataDir = join(folder, 'data')
    const first = await startPostgres({ dataDir })
    await run(first, 'CREATE TABLE kept (n int)')
    await first.stop()
    const second = await startPostgres({ dataDir })
    expect(second.password).toBe(first.password)
    expect(await ask(second, "to_regclass('kept')::text")).toBe('kept')
    await second.stop()
    await rm(folder, { recursive: true })
  })

  test('refuses a port that is taken and says why', async () => {
    const server = await startPostgres()
    try {
      await expect(startPostgres({ port: server.port })).rejects.toThrow(/could not bind/)
      expect(await ask(server, '1')).toBe(1)
    } finally {
      await server.stop()
    }
  })
})

/** The launcher compiled into a checkout of its own: what plain Node runs after a build. */
describe('startPostgres from a build', () => {
  let checkout: string
  beforeAll(async () => {
    checkout = await buildLauncher()
  })
  afterAll(() => rm(checkout, { recursive: true, force: true }))

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'leaves no server behind when its process ends by %s',
    async (signal) => {
      const child = runLauncher(checkout)
      const { port, scratch } = await announced(child)
      expect(await isListening(port)).toBe(true)
      process.kill(child.pid ?? 0, signal)
      await until(async () => !(await isListening(port)) && (await isGone(scratch)))
    },
  )

  test('leaves no server behind when its process ends without calling stop', async () => {
    const child = runLauncher(checkout, 'exit')
    const { port, scratch } = await announced(child)
    await until(async () => !(await isListening(port)) && (await isGone(scratch)))
  })

  test('keeps its process until the server has stopped, even when nothing else does', async () => {
    const child = runLauncher(checkout, 'stop')
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const { port, scratch } = await announced(child)
    expect(await ended).toBe(0)
    expect(await isListening(port)).toBe(false)
    expect(await isGone(scratch)).toBe(true)
  })

  test.runIf(isRoot)('runs as an ordinary user from a checkout that only root can write', async () => {
    const child = runLauncher(checkout, 'exit', { uid: 65534, gid: 65534 })
    const { port, scratch } = await announced(child)
    expect(port).toBeGreaterThan(1023)
    await until(() => isGone(scratch))
  })

  test.runIf(isRoot)('runs as root from a checkout that only root can read', async () => {
    await chmod(checkout, 0o700)
    try {
      const { port, scratch } = await announced(runLauncher(checkout, 'exit'))
      expect(port).toBeGreaterThan(1023)
      await until(() => isGone(scratch))
    } finally {
      await chmod(checkout, 0o755)
    }
  })

  test('writes nothing into the packages', async () => {
    const files = await readdir(join(checkout, 'node_modules', packageName(), 'native', 'lib'))
    expect(files).not.toContain('libpq.so.5')
  })
})

interface Server {
  readonly host: string
  readonly port: number
  readonly password: string
}

async function run(server: Server, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ ...server, user: 'postgres', database: 'postgres' })
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

async function ask(server: Server, expression: string): Promise<unknown> {
  return (
    await run({ host: server.host, port: server.port, password: server.password }, `SELECT ${expression} AS it`)
  )[0]?.it
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.unref()
    setTimeout(() => socket.destroy(), 500).unref()
  })
}

/** True, and the launcher's own temporary folder removed, when nothing is left in it. */
async function isGone(scratch: string): Promise<boolean> {
  if ((await readdir(scratch)).length > 0) return false
  await rm(scratch, { recursive: true })
  return true
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) if (await condition()) return
  expect.unreachable('it did not happen within 30 s')
}

function packageName(): string {
  return `pgbin18-${process.platform}-${process.arch}`
}

async function buildLauncher(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-build-'))
  await chmod(folder, 0o755)
  const repository = join(import.meta.dirname, '..', '..')
  const config = {
    extends: join(repository, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: join(repository, 'src'),
      outDir: folder,
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    include: [],
    files: [join(repository, 'src/demo/postgres.ts')],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  execFileSync(process.execPath, [join(typescript, 'bin', 'tsc'), '-p', folder])
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'run.js'), LAUNCHER)
  await mkdir(join(folder, 'node_modules'))
  await cp(join(repository, 'node_modules', packageName()), join(folder, 'node_modules', packageName()), {
    recursive: true,
  })
  return folder
}

const LAUNCHER = `
import { startPostgres } from './demo/postgres.js'
const server = await startPostgres()
process.stdout.write(JSON.stringify({ port: server.port, scratch: process.env.TMPDIR }) + '\\n')
if (process.argv[2] === 'stay') setInterval(() => {}, 1000)
if (process.argv[2] === 'stop') await server.stop()
`

function runLauncher(checkout: string, mode = 'stay', account: { uid?: number; gid?: number } = {}): ChildProcess {
  // A temporary folder of its own shows that nothing stays behind in it.
  const scratch = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  chmodSync(scratch, 0o777)
  return spawn(process.execPath, [join(checkout, 'run.js'), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: tmpdir(),
    env: { TMPDIR: scratch },
    ...account,
  })
}

async function announced(child: ChildProcess): Promise<{ port: number; scratch: string }> {
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk) => resolve(String(chunk)))
    child.once('exit', (code) => reject(new Error(`the launcher ended with ${code} and said nothing`)))
  })
  return JSON.parse(text) as { port: number; scratch: string }
}
