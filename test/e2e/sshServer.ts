import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { listen } from '../fixtures/wire.ts'

/** A real OpenSSH server on loopback, as the user of this process, with keys of its own. */
export interface SshServer {
  readonly port: number
  readonly user: string
  readonly dir: string
  /** `SHA256:...` of its only host key. */
  readonly fingerprint: string
  /** One line of known_hosts for it. */
  readonly knownHosts: string
  /** Files with the private key that it lets in: without and with a passphrase. */
  readonly keyFile: string
  readonly lockedKeyFile: string
  readonly passphrase: string
  /** What it has written to its log. */
  log(): string
  /** Stops it as a crash would, logins included. */
  kill(): Promise<void>
  stop(): Promise<void>
}

const SSHD = '/usr/sbin/sshd'

export interface SshServerOptions {
  /** More lines of sshd_config. */
  readonly config?: readonly string[]
  readonly passphrase?: string
}

export async function startSshServer({
  config = [],
  passphrase = 'canary-passphrase-4711-abcd',
}: SshServerOptions = {}): Promise<SshServer> {
  if (!existsSync(SSHD)) throw new Error('OpenSSH is missing: apt-get install openssh-server')
  const dir = await mkdtemp(join(tmpdir(), 'countersign-sshd-'))
  const { username: user, uid } = userInfo()
  // Where sshd keeps the part of itself that has no rights; Debian makes it when the service starts.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true })
  const path = (name: string) => join(dir, name)
  const generate = (name: string, secret: string) =>
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', secret, '-C', 'test', '-f', path(name)])
  generate('host', '')
  generate('client', '')
  generate('locked', passphrase)
  const publicKeys = await Promise.all(['client.pub', 'locked.pub'].map((name) => readFile(path(name), 'utf8')))
  await writeFile(path('authorized_keys'), publicKeys.join(''), { mode: 0o600 })
  const probe = createServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${path('host')}`,
    `AuthorizedKeysFile ${path('authorized_keys')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'LogLevel VERBOSE',
    ...config,
  ]
  await writeFile(path('sshd_config'), `${lines.join('\n')}\n`)
  let log = ''
  const daemon = spawn(SSHD, ['-D', '-e', '-f', path('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  daemon.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  const stopDaemon = async (signal: NodeJS.Signals) => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return
    const gone = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill(signal)
    await gone
  }
  try {
    await untilListening(daemon, () => log)
  } catch (error) {
    await stopDaemon('SIGKILL')
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  const hostPublic = (await readFile(path('host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ')
  return {
    port,
    user,
    dir,
    fingerprint: execFileSync('ssh-keygen', ['-lf', path('host.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '',
    knownHosts: `[127.0.0.1]:${port} ${hostPublic}\n`,
    keyFile: path('client'),
    lockedKeyFile: path('locked'),
    passphrase,
    log: () => log,
    kill: () => stopDaemon('SIGKILL'),
    async stop() {
      await stopDaemon('SIGTERM')
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function untilListening(daemon: ChildProcess, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (log().includes('Server listening on')) resolve()
    }
    daemon.stderr?.on('data', look)
    daemon.once('exit', () => reject(new Error(`sshd did not start: ${log()}`)))
  })
}
