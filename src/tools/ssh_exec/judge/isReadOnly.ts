import { type CommandPattern, compilePattern } from '../patterns/commandPattern.ts'
import { coversCommand } from '../patterns/matchPattern.ts'
import { READ_ONLY_COMMANDS } from './readOnlyCommands.ts'

const BY_NAME = new Map<string, CommandPattern[]>()
for (const pattern of READ_ONLY_COMMANDS.map(compilePattern)) {
  BY_NAME.set(pattern.name, [...(BY_NAME.get(pattern.name) ?? []), pattern])
}

/** Whether a command is known to change nothing. Knows nothing of policy: it is the same for every caller. */
export function isReadOnly(argv: readonly string[]): boolean {
  return (BY_NAME.get(argv[0] ?? '') ?? []).some((pattern) => coversCommand(pattern, argv))
}
