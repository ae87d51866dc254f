import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selfTest } from '../../src/tools/ssh_exec/selfTest.ts'
import { createSshHosts, type HostCall, type SshHosts } from '../../src/tools/ssh_exec/session/sshHosts.ts'
import { type SshConnection, sshConnection } from '../../src/tools/ssh_exec/settings.ts'
import { type SshServer, startSshServer } from './sshServer.ts'

let server: SshServer
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  server = await startSshServer()
})
afterAll(async () => {
  for (const close of closing) await close()
  await server?.stop()
})

/** What is laid over the settings of a connection to the server. */
type Overlay = Readonly<Record<string, unknown>>

function settingsFor({ port, user, keyFile, fingerprint }: SshServer, overlay: Overlay = {}): SshConnection {
  return sshConnection.parse({
    type: 'ssh',
    host: '127.0.0.1',
    port,
    user,
    privateKey: { file: keyFile },
    hostKey: fingerprint,
    limits: { timeout: '60s' },
    ...overlay,
  })
}

function openHosts(settings: SshConnection): SshHosts {
  const hosts = createSshHosts({
    readSecret: async (reference) =>
      'file' in reference ? await readFile(reference.file, 'utf8') : String(process.env[reference.env]),
    alsoSecret: () => undefined,
    connections: () => ({ 'web-1': settings }),
  })
  closing.push(() => hosts.close())
  return hosts
}

function runOn(hosts: SshHosts, sent: string, call: Partial<HostCall> = {}) {
  return hosts.run('web-1', hosts.settings('web-1'), {
    sent,
    stdin: '',
    effect: 'read',
    signal: new AbortController().signal,
    report: undefined,
    beforeSend: async () => undefined,
    ...call,
  })
}

let serial = 0
/** A number of seconds that no other process sleeps for, by which its processes are found. */
const nextMarker = () => `1234567.${process.pid}${++serial}`

/** Processes that have the marker among their arguments. */
function processesWith(marker: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes(marker) ? [line] : []
      } catch {
        return []
      }
    })
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not come about: ${what}`)
    await pause(20)
  }
}

const gone = (marker: string) => until(() => processesWith(marker).length === 0, `nothing runs with ${marker}`)
const there = (marker: string) => until(() => processesWith(marker).length > 0, `something runs with ${marker}`)

describe('a command on a real OpenSSH server', () => {
  let hosts: SshHosts
  beforeAll(() => {
    hosts = openHosts(settingsFor(server))
  })

  test('answers with its streams and its exit code', async () => {
    expect(await runOn(hosts, "'sh' '-c' 'echo out; echo err >&2; exit 3'")).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
      signal: undefined,
      timedOut: false,
      truncated: false,
    })
  })

  test('gets its words byte for byte, through three shells', async () => {
    const word = `a'b"c$HOME\`id\`\\n!x *?[a] {a,b} ~ #\t\n é 💥 %s \u0081`
    const { stdout } = await runOn(hosts, `'printf' '%s' '${word.replaceAll("'", "'\\''")}' 'x'`)
    expect(stdout).toBe(`${word.replace('\u0081', '')}x`)
  })

  test('gets standard input byte for byte, whatever is in it, and then its end', async () => {
    const every = Array.from({ length: 0x800 - 0x20 }, (_, index) => String.fromCharCode(index + 0x20)).join('')
    const stdin = `-n \\n $HOME 'x' ${every}${'é💥\u2028'.repeat(5_000)}\n\n\n`
    const { stdout } = await runOn(hosts, "'sha256sum'", { stdin })
    const digest = execFileSync('sha256sum', { input: stdin, encoding: 'utf8' })
    expect(stdout).toBe(digest)
  })

  test('has no standard input when none is given, and none of the gate’s environment', async () => {
    process.env.COUNTERSIGN_CANARY = 'canary-of-the-environment'
    const { stdout } = await runOn(hosts, "'sh' '-c' 'cat; env; tty'")
    expect(stdout).not.toContain('canary-of-the-environment')
    expect(stdout).toContain('not a tty')
    expect(stdout).not.toContain('SSH_AUTH_SOCK')
  })

  test('one that takes too long is ended by the host, with everything it started', async () => {
    const short = openHosts(settingsFor(server, { limits: { timeout: '1s' } }))
    const marker = nextMarker()
    const result = await runOn(short, `'sh' '-c' 'sleep ${marker} | sleep ${marker}; true' | 'sleep' '${marker}'`)
    expect(result).toMatchObject({ exitCode: 124, timedOut: true })
    await gone(marker)
  })

  test('one that will not listen is killed', async () => {
    const short = openHosts(settingsFor(server, { limits: { timeout: '1s' } }))
    const marker = nextMarker()
    // The shell that leads ends at once; what it leaves behind ignores the request to end.
    const result = await runOn(
      short,
      `'sh' '-c' 'trap "" TERM; sleep ${marker}; sleep ${marker}' | 'sleep' '${marker}'`,
    )
    expect(result.timedOut).toBe(true)
    await gone(marker)
  })

  test('a timeout of its own does not take it out of reach', async () => {
    const short = openHosts(settingsFor(server, { limits: { timeout: '1s' } }))
    const marker = nextMarker()
    await runOn(short, `'timeout' '--foreground' '100' 'sleep' '${marker}'`)
    await gone(marker)
  })

  test('nor does one inside of code, which makes a process group of its own', async () => {
    const short = openHosts(settingsFor(server, { limits: { timeout: '1s' } }))
    const marker = nextMarker()
    await runOn(short, `timeout 100 sh -c 'timeout 200 sleep ${marker}; sleep ${marker}'`, { effect: 'write' })
    await gone(marker)
  })

  test('a read that is cancelled ends at the host', async () => {
    const marker = nextMarker()
    const leaving = new AbortController()
    const running = runOn(hosts, `'sleep' '${marker}' | 'sleep' '${marker}'`, { signal: leaving.signal })
    const refused = expect(running).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    await there(marker)
    leaving.abort()
    await refused
    await gone(marker)
  })

  test('a read that is cancelled before it began never begins', async () => {
    const marker = nextMarker()
    await expect(runOn(hosts, `'sleep' '${marker}'`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    })
    expect(processesWith(marker)).toEqual([])
  })

  test('a read ends at the host when the gateway is killed', async () => {
    const marker = nextMarker()
    const client = spawn(
      'ssh',
      [...sshOptions(server), `sh -c '${await remoteScript()}' countersign 'sleep ${marker}' 60 0 x watch`],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    )
    await there(`sleep ${marker}`)
    await until(() => processesWith(`sleep ${marker}`).length > 2, 'the line runs')
    const left = new Promise((resolve) => client.once('exit', resolve))
    client.kill('SIGKILL')
    await left
    await gone(marker)
  })

  test('ten gigabytes of output cost bounded memory, and are not waited for', async () => {
    const marker = nextMarker()
    const before = process.memoryUsage().rss
    let peak = before
    const result = await runOn(hosts, `'sh' '-c' 'head -c 10000000000 /dev/zero | tr "\\\\0" a; sleep ${marker}'`, {
      report: () => {
        peak = Math.max(peak, process.memoryUsage().rss)
      },
    })
    expect(result.truncated).toBe(true)
    expect(result.exitCode).toBeUndefined()
    expect(result.stdout.length).toBeGreaterThanOrEqual(1024 ** 2)
    expect(result.stdout.length).toBeLessThan(1024 ** 2 + 100_000)
    expect(peak - before).toBeLessThan(200 * 1024 ** 2)
    console.log(`10 GB of output: ${Math.round((peak - before) / 1024 ** 2)} MiB more at the most`)
    await gone(marker)
  })

  test('a change is not cut off by its own output', async () => {
    const file = join(server.dir, 'changed')
    const result = await runOn(hosts, `'sh' '-c' 'head -c 30000000 /dev/zero | tr "\\\\0" a; echo done > ${file}'`, {
      effect: 'write',
    })
    expect(result).toMatchObject({ truncated: true, exitCode: 0 })
    expect(await readFile(file, 'utf8')).toBe('done\n')
  })

  test('progress is told in counts', async () => {
    const told: string[] = []
    await runOn(hosts, "'echo' 'secret-word'", { report: (words) => told.push(words) })
    expect(told).toEqual(['12 bytes, 1 lines of output'])
  })

  test('several run at once on one login', async () => {
    const logins = () => server.log().split('Accepted publickey').length
    const before = logins()
    const fresh = openHosts(settingsFor(server))
    const results = await Promise.all(Array.from({ length: 12 }, (_, index) => runOn(fresh, `'echo' '${index}'`)))
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 12 }, (_, index) => `${index}\n`))
    expect(logins() - before).toBe(1)
  })

  test('a host that refuses a channel is asked again on another login', async () => {
    const narrow = await startSshServer({ config: ['MaxSessions 1'] })
    closing.push(() => narrow.stop())
    const narrowHosts = openHosts(settingsFor(narrow))
    const results = await Promise.all(
      ['a', 'b'].map((word) => runOn(narrowHosts, `'sh' '-c' 'sleep 0.3; echo ${word}'`)),
    )
    expect(results.map(({ stdout }) => stdout)).toEqual(['a\n', 'b\n'])
  })
})

describe('a host that goes away', () => {
  test('a read says so, a change says that its outcome is unknown', async () => {
    const dying = await startSshServer()
    closing.push(() => dying.stop())
    const hosts = openHosts(settingsFor(dying))
    const marker = nextMarker()
    const running = Promise.allSettled([
      runOn(hosts, `'sleep' '${marker}'`),
      runOn(hosts, `'sleep' '${marker}'`, { effect: 'write' }),
    ])
    await until(() => processesWith(`sleep ${marker}`).length === 2, 'both run')
    killLogins(dying)
    expect(await running).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_TARGET_UNAVAILABLE' } },
      { status: 'rejected', reason: { code: 'ERR_OUTCOME_UNKNOWN' } },
    ])
    // The read ended with its connection. The change was left to run: it ends by its limit, or here.
    await until(() => processesWith(`sleep ${marker}`).length === 1, 'the read ended')
    killByMarker(marker)
    await gone(marker)
  })

  test('the next call opens a new login', async () => {
    const flaky = await startSshServer()
    closing.push(() => flaky.stop())
    const hosts = openHosts(settingsFor(flaky))
    expect((await runOn(hosts, "'echo' '1'")).stdout).toBe('1\n')
    killLogins(flaky)
    expect((await runOn(hosts, "'echo' '2'")).stdout).toBe('2\n')
    expect((await runOn(hosts, "'echo' '3'", { effect: 'write' })).stdout).toBe('3\n')
  })

  test('a host that is not there is unavailable, and nothing was sent', async () => {
    const hosts = openHosts(settingsFor({ ...server, port: 1 }))
    let sent = false
    const beforeSend = async () => {
      sent = true
    }
    await expect(runOn(hosts, "'echo' '1'", { effect: 'write', beforeSend })).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
    })
    expect(sent).toBe(false)
  })
})

describe('credentials and host keys with OpenSSH', () => {
  test('a key with a passphrase', async () => {
    process.env.COUNTERSIGN_TEST_PASSPHRASE = server.passphrase
    const overlay = { privateKey: { file: server.lockedKeyFile }, passphrase: { env: 'COUNTERSIGN_TEST_PASSPHRASE' } }
    expect((await runOn(openHosts(settingsFor(server, overlay)), "'echo' '1'")).stdout).toBe('1\n')
    process.env.COUNTERSIGN_TEST_PASSPHRASE = 'wrong'
    await expect(runOn(openHosts(settingsFor(server, overlay)), "'echo' '1'")).rejects.toMatchObject({
      code: 'ERR_SECRET',
    })
  })

  test('known_hosts, plain and hashed', async () => {
    const file = join(server.dir, 'known_hosts')
    await writeFile(file, `# ours\nother.example ssh-ed25519 AAAA\n${server.knownHosts}`)
    const overlay = { hostKey: undefined, knownHosts: { file } }
    expect((await runOn(openHosts(settingsFor(server, overlay)), "'echo' '1'")).stdout).toBe('1\n')
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file])
    expect(await readFile(file, 'utf8')).not.toContain('127.0.0.1')
    expect((await runOn(openHosts(settingsFor(server, overlay)), "'echo' '1'")).stdout).toBe('1\n')
    await writeFile(file, `${server.knownHosts}@revoked * ${server.knownHosts.split(' ').slice(1).join(' ')}`)
    await expect(runOn(openHosts(settingsFor(server, overlay)), "'echo' '1'")).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY',
    })
  })

  test('another host key is refused before the login, and OpenSSH has seen no attempt', async () => {
    const before = server.log().length
    const hosts = openHosts(settingsFor(server, { hostKey: `SHA256:${'A'.repeat(43)}` }))
    await expect(runOn(hosts, "'echo' '1'")).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY' })
    const said = server.log().slice(before)
    expect(said).not.toMatch(/Accepted|Failed|userauth|publickey/)
  })

  test('a key that was exchanged is read anew', async () => {
    const file = join(server.dir, 'rotating')
    await writeFile(file, 'not a key')
    const hosts = openHosts(settingsFor(server, { privateKey: { file } }))
    await expect(runOn(hosts, "'echo' '1'")).rejects.toMatchObject({ code: 'ERR_SECRET' })
    await writeFile(file, await readFile(server.keyFile, 'utf8'))
    expect((await runOn(hosts, "'echo' '1'")).stdout).toBe('1\n')
  })

  test('countersign check says what it found', async () => {
    const findings = await selfTest(openHosts(settingsFor(server)), 'web-1')
    expect(findings[0]).toEqual({
      level: 'ok',
      about: 'connections.web-1',
      message: 'shows the pinned host key, lets the gate in and runs commands',
    })
    expect(findings.filter(({ level }) => level === 'error')).toEqual([])
    expect(findings.some(({ message }) => message.includes('root'))).toBe(server.user === 'root')

    const other = await selfTest(openHosts(settingsFor(server, { hostKey: `SHA256:${'A'.repeat(43)}` })), 'web-1')
    expect(other.map(({ level }) => level)).toEqual(['error'])
    expect(other[0]?.message).toMatch(/host did not show the key/i)
  })

  test('a host that does not run what is sent is found out', async () => {
    const forced = await startSshServer({ config: ['ForceCommand echo no'] })
    closing.push(() => forced.stop())
    const findings = await selfTest(openHosts(settingsFor(forced)), 'web-1')
    expect(findings.map(({ level }) => level)).toEqual(['error'])
  })
})

function sshOptions({ port, user, keyFile }: SshServer): string[] {
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'IdentitiesOnly=yes']
  return ['-i', keyFile, '-p', `${port}`, ...options.flatMap((option) => ['-o', option]), `${user}@127.0.0.1`]
}

/** The script that the host runs around a line, as it is sent, quoted for one more shell. */
async function remoteScript(): Promise<string> {
  const { writeRemoteCommand } = await import('../../src/tools/ssh_exec/session/remoteScript.ts')
  const written = writeRemoteCommand({ sent: 'true', timeoutMs: 1, stdin: '', endsWithConnection: true }, 'x')
  return /^exec 'sh' '-c' '([\s\S]*)' 'countersign' 'true'/.exec(written?.command ?? '')?.[1] ?? ''
}

/** The processes of sshd that hold logins of this server: its children's children. */
function killLogins({ dir }: SshServer): void {
  const parents = processTable()
  const daemon = parents.find(({ command }) => command.includes(join(dir, 'sshd_config')))
  const kill = (parent: number) => {
    for (const { pid } of parents.filter((row) => row.parent === parent && row.command.includes('sshd'))) {
      kill(pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone with its parent.
      }
    }
  }
  if (daemon !== undefined) kill(daemon.pid)
}

function processTable(): readonly { pid: number; parent: number; command: string }[] {
  return execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const found = /^\s*(\d+)\s+(\d+)\s(.*)$/.exec(line)
      return found === null ? [] : [{ pid: Number(found[1]), parent: Number(found[2]), command: found[3] ?? '' }]
    })
}

function killByMarker(marker: string): void {
  for (const { pid } of processTable().filter(({ command }) => command.includes(marker))) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone with another.
    }
  }
}
