import * as z from 'zod'
import { connectionName, idempotencyKey, reason } from '../callFields.ts'
import type { OpenTool, Tool, ToolParts } from '../tool.ts'
import { MATCH_KEYS } from './matchKeys.ts'
import { selfTest } from './selfTest.ts'
import { createSshHosts } from './session/sshHosts.ts'
import type { SshConnection } from './settings.ts'
import { understand } from './understand.ts'

const input = z
  .strictObject({
    connection: connectionName,
    argv: z
      .array(z.string())
      .min(1)
      .max(256)
      .optional()
      .describe('One command as its words, with no shell between: ["systemctl", "status", "nginx"]. Preferred.'),
    command: z
      .string()
      .optional()
      .describe(
        'One line of plain commands joined by |, &&, || and ;. No expansions, globs, ~, substitutions or files to redirect to: those need a person. Use absolute paths instead of cd.',
      ),
    stdin: z.string().default('').describe('Text for standard input.'),
    reason,
    idempotency_key: idempotencyKey,
  })
  .refine(({ argv, command }) => (argv === undefined) !== (command === undefined), {
    message: 'give either argv or command',
  })

export function createSshExec(parts: ToolParts<SshConnection>): OpenTool {
  const hosts = createSshHosts(parts)
  const tool: Tool = {
    name: 'ssh_exec',
    title: 'Run a command over SSH',
    description:
      'Runs a command on a host over SSH, without a terminal. Each command of a line is judged by its words; known read-only commands answer at once where policy allows. Others may need a person’s approval first; the answer then says how to wait for it. Answers with stdout, stderr and exit_code.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    input,
    connectionType: 'ssh',
    operations: ['run', 'complex', 'wrapper:*'],
    match: MATCH_KEYS,
    understand: async (args, connectionName) => {
      const { argv, command, stdin } = input.parse(args)
      return understand(hosts, { argv, command, stdin }, connectionName)
    },
  }
  return {
    tool,
    lookUpOutcome: async () => 'unknown',
    selfTest: (connectionName) => selfTest(hosts, connectionName),
    reconnect: () => hosts.reconnect(),
    close: () => hosts.close(),
  }
}
