import * as z from 'zod'
import type { Fact } from '../../call.ts'
import type { MatchKey } from '../tool.ts'
import { commandPatterns, patternsOf, type WrittenPattern } from './patterns/commandPattern.ts'
import { coversCommand, touchesCommand } from './patterns/matchPattern.ts'

/** What a rule for ssh_exec can name beside the operation. */
export const MATCH_KEYS: Readonly<Record<string, MatchKey>> = {
  command: {
    schema: commandPatterns,
    describe: 'an argv pattern such as ["systemctl", "restart", "{unit}"], or a list of them',
    matches: (wanted, fact, action) => {
      if (!isWords(fact)) return false
      const patterns = patternsOf(wanted as WrittenPattern | readonly WrittenPattern[])
      const speaks = action === 'deny' ? touchesCommand : coversCommand
      return patterns.some((pattern) => speaks(pattern, fact))
    },
  },
  user: {
    schema: z.array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'the name of an account')).min(1),
    describe: 'accounts as whom sudo or doas may run it',
    matches: (wanted, fact) => typeof fact === 'string' && (wanted as readonly string[]).includes(fact),
  },
  complex: {
    schema: z.literal(true),
    describe: '`true`: a line that is more than plain commands',
    matches: (_, fact) => fact === true,
  },
}

function isWords(fact: Fact | undefined): fact is readonly string[] {
  return Array.isArray(fact)
}
