import type { Json } from '../../call.ts'
import type { RequestField, Understanding } from '../tool.ts'
import { execute } from './execute.ts'
import { describeLine, type JudgedLine, judgeComplex, judgeLine } from './judge/judgeLine.ts'
import { type ReadCommand, readArguments, type SshArguments } from './readArguments.ts'
import type { SshHosts } from './session/sshHosts.ts'
import type { SshConnection } from './settings.ts'

/** Text -> plain commands, or one complex line -> operations. The host is not asked: nothing is connected before it runs. */
export function understand(hosts: SshHosts, args: SshArguments, connectionName: string): Understanding {
  const settings = hosts.settings(connectionName)
  const read = readArguments(args)
  const judged = read.plain ? judgeLine(read.line) : judgeComplex(read.text, read.why)
  const { effect, operations, sent } = judged
  const { stdin } = args
  return {
    effect,
    operations,
    judged: { sent, stdin, effect },
    target: targetOf(connectionName, settings),
    request: describeRequest(read, judged, stdin),
    preview: async () => undefined,
    execute: (_call, beforeCommit, signal, report) =>
      execute({ connectionName, settings, effect, sent, stdin }, hosts, beforeCommit, signal, report),
    release: async () => undefined,
  }
}

/**
 * The command as people see it: the line that was judged, never that which was asked for. Detectors look at its words,
 * unless one of them may be code for an interpreter: code must not hide from a reviewer as a secret.
 */
function describeRequest(read: ReadCommand, { mayHoldCode }: JudgedLine, stdin: string): readonly RequestField[] {
  const { text, words } = read.plain ? describeLine(read.line) : { text: read.text, words: [] }
  const fields: RequestField[] = [
    { name: 'command', text, language: 'shell', hidden: [], literals: mayHoldCode ? [] : words },
  ]
  if (stdin !== '') {
    const literals = mayHoldCode ? [] : [{ start: 0, end: stdin.length }]
    fields.push({ name: 'stdin', text: stdin, language: 'text', hidden: [], literals })
  }
  return fields
}

function targetOf(connection: string, settings: SshConnection): Json {
  const { host, port, user, hostKey = [], knownHosts, limits } = settings
  const keys = knownHosts === undefined ? { hostKey: [hostKey].flat() } : { knownHosts: { ...knownHosts } }
  return { connection, host, port, user, ...keys, timeoutMs: limits.timeout }
}
