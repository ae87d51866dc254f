import * as z from 'zod'
import type { Action, Fact } from '../../call.ts'
import { matchesGlob } from '../../settings/glob.ts'
import { commandPatterns, patternsOf, type WrittenPattern } from '../ssh_exec/patterns/commandPattern.ts'
import { coversCommand, touchesCommand } from '../ssh_exec/patterns/matchPattern.ts'
import type { MatchKey } from '../tool.ts'
import { VERBS } from './args/flags.ts'
import { ALL } from './judge/operations.ts'

/** What a rule for kubectl can name beside the operation. */
export const MATCH_KEYS: Readonly<Record<string, MatchKey>> = {
  verb: globsKey('a list of verbs, such as get', z.enum(VERBS as [string, ...string[]])),
  resource: globsKey(
    'a list of types with their group, such as pods, apps/deployments or batch/*',
    z
      .string()
      .regex(
        /^[a-z0-9.*-]+(\/[a-z0-9.*-]+)?$/,
        'a type, with its group unless that is the core group: apps/deployments',
      ),
  ),
  subresource: globsKey('a list of subresources: log, scale, exec', z.enum(['log', 'scale', 'exec'])),
  namespace: globsKey(
    'a list of namespaces; (cluster) for types without namespaces; "*" for all of them',
    z.string().regex(/^(\(cluster\)|[a-z0-9*-]{1,63})$/, 'a namespace, a glob over namespaces, or (cluster)'),
  ),
  name: globsKey(
    'a list of names of objects',
    z.string().regex(/^[A-Za-z0-9.:_*-]{1,253}$/, 'a name, or a glob over names'),
  ),
  selector: {
    schema: z.array(z.string().min(1).max(500)).min(1),
    describe: 'a list of label selectors, one of which is exactly that of the call: app=web,tier=front',
    matches: (wanted, fact) => typeof fact === 'string' && (wanted as readonly string[]).includes(fact),
  },
  action: globsKey('a list of actions of rollout: restart, undo', z.enum(['restart', 'undo'])),
  command: {
    schema: commandPatterns,
    describe: 'the command of exec, as an argv pattern with typed holes: ["cat", "{path:/var/log/**}"]',
    matches: (wanted, fact, action) => {
      if (!Array.isArray(fact)) return false
      const speaks = action === 'deny' ? touchesCommand : coversCommand
      return patternsOf(wanted as WrittenPattern | readonly WrittenPattern[]).some((pattern) => speaks(pattern, fact))
    },
  },
}

function globsKey(describe: string, entry: z.ZodType<string>): MatchKey {
  return {
    schema: z.array(entry).min(1),
    describe,
    matches: (wanted, fact, action) => matchesSome(wanted as readonly string[], fact, action),
  }
}

/**
 * A rule that opens must name everything that the operation is about; for one that closes, touching any of it is enough,
 * and what is about all touches each. No rule that names some is about all: only a star on its own is.
 */
function matchesSome(globs: readonly string[], fact: Fact | undefined, action: Action): boolean {
  const values = typeof fact === 'string' ? [fact] : Array.isArray(fact) ? (fact as readonly string[]) : undefined
  if (values === undefined) return false
  const isNamed = (value: string) =>
    value === ALL ? globs.includes(ALL) || action === 'deny' : globs.some((glob) => matchesGlob(glob, value))
  return action === 'deny' ? values.some(isNamed) : values.length > 0 && values.every(isNamed)
}
