import * as z from 'zod'
import type { Action, Fact } from '../../call.ts'
import { matchesGlob } from '../../settings/glob.ts'
import type { MatchKey } from '../tool.ts'

/** What a rule for run_sql can name beside the operation. */
export const MATCH_KEYS: Readonly<Record<string, MatchKey>> = {
  tables: namesKey('a list of tables with their schema, such as public.jobs or public.*', /^[^.]+\..+$/),
  schemas: namesKey('a list of schemas', /^[^.]+$/),
  functions: namesKey('a list of functions with their schema, such as public.slugify', /^[^.]+\..+$/),
  columns: namesKey('a list of protected columns in use, such as public.users.email', /^[^.]+\.[^.]+\..+$/),
  where: {
    schema: z.literal('required'),
    describe: '`required`: an UPDATE or DELETE whose WHERE chooses rows by what is in them',
    matches: (_, fact) => fact === 'present',
  },
}

function namesKey(describe: string, form: RegExp): MatchKey {
  return {
    schema: z.array(z.string().regex(form, describe)).min(1),
    describe,
    matches: (wanted, fact, action) => matchesNames(wanted as readonly string[], fact, action),
  }
}

/**
 * A rule that opens must list everything that is touched; for one that closes, touching any of it is enough. An
 * operation that touches nothing of the kind has an empty list, and is covered; one for which the question makes no
 * sense has no such fact, and is not.
 */
function matchesNames(globs: readonly string[], fact: Fact | undefined, action: Action): boolean {
  if (!Array.isArray(fact)) return false
  const isListed = (name: string): boolean => globs.some((glob) => matchesGlob(glob, name))
  return action === 'deny' ? fact.some(isListed) : fact.every(isListed)
}
