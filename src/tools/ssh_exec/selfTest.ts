import { GateError } from '../../errors.ts'
import type { Finding } from '../tool.ts'
import type { SshHosts } from './session/sshHosts.ts'

/** What the host is asked, each line answered by one that begins with its name. Changes nothing. */
const PROBE = [
  `printf 'echo:%s\\n' 'a'\\''b"$HOME\\n!{x,y}~*'`,
  `echo "uid:$(id -u)"`,
  `echo "timeout:$(timeout --version 2>/dev/null | head -n 1)"`,
  `if sudo -n -l >/dev/null 2>&1; then echo sudo:yes; else echo sudo:no; fi`,
  `printf 'input:'; cat`,
].join('\n')

const EXPECTED_ECHO = `a'b"$HOME\\n!{x,y}~*`
const EXPECTED_INPUT = 'x y'

/** Logs in and says where the host or the account can do more, or less, than the gate needs. Throws nothing. */
export async function selfTest(hosts: SshHosts, connectionName: string): Promise<readonly Finding[]> {
  const about = `connections.${connectionName}`
  const finding = (level: Finding['level'], message: string): Finding => ({ level, about, message })
  try {
    const { stdout, exitCode } = await hosts.run(connectionName, hosts.settings(connectionName), {
      sent: PROBE,
      stdin: EXPECTED_INPUT,
      effect: 'read',
      signal: AbortSignal.timeout(30_000),
      report: undefined,
      beforeSend: async () => undefined,
    })
    const said = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(stdout)?.[1]
    if (exitCode === 127 || said('timeout') === undefined) {
      return [
        finding('error', 'logs in, and cannot run a command in time: it needs sh, head, cat and timeout (coreutils)'),
      ]
    }
    const findings = [finding('ok', 'shows the pinned host key, lets the gate in and runs commands')]
    if (said('echo') !== EXPECTED_ECHO || said('input') !== EXPECTED_INPUT) {
      findings.push(
        finding(
          'error',
          'does not run what is sent: give the account a POSIX login shell, and no ForceCommand that changes lines',
        ),
      )
    }
    if (!/coreutils/.test(said('timeout') ?? '')) {
      findings.push(
        finding('error', 'has a timeout(1) that may leave children running: install the one of GNU coreutils'),
      )
    }
    if (said('uid') === '0') findings.push(finding('warning', 'logs in as root, so nothing at the host limits it'))
    else if (said('sudo') === 'yes') {
      findings.push(
        finding('warning', 'may use sudo without a password: keep its sudoers entry as narrow as the rules'),
      )
    }
    return findings
  } catch (error) {
    return [finding('error', error instanceof GateError ? error.message : 'could not be tested')]
  }
}
