import * as z from 'zod'
import type { Action, Fact } from '../../call.ts'
import { matchesGlob } from '../../settings/glob.ts'
import type { MatchKey } from '../tool.ts'
import { foldRef } from './branchName.ts'
import { foldGlob, foldPath } from './sensitivePath.ts'

const REF = 'a list of full branch names such as refs/heads/main or refs/heads/agent/*'

/** What a rule for git_push can name beside the operation. */
export const MATCH_KEYS: Readonly<Record<string, MatchKey>> = {
  branch: {
    schema: z.array(z.string().regex(/^refs\/heads\/./, REF)).min(1),
    describe: REF,
    // What opens names branches exactly; what closes must not miss one that differs in case alone.
    matches: (wanted, fact, action) =>
      typeof fact === 'string' &&
      (wanted as readonly string[]).some((glob) =>
        action === 'deny' ? matchesGlob(foldRef(glob), foldRef(fact)) : matchesGlob(glob, fact),
      ),
  },
  paths: {
    schema: z.array(z.string().min(1).max(512)).min(1),
    describe: 'a list of paths such as docs/* or README.md; `*` stands for any characters, slashes included',
    matches: (wanted, fact, action) => matchesPaths(wanted as readonly string[], fact, action),
  },
  newFiles: mayKey('whether files may be added: true or false'),
  creates: mayKey('whether the branch may be new: true or false'),
  force: mayKey('whether commits may be taken off the branch: true or false'),
  delete: mayKey('whether the branch may be deleted: true or false'),
  maxCommits: {
    schema: z.int().min(1),
    describe: 'the number of commits that a push may add to the branch',
    matches: (wanted, fact) => typeof fact === 'number' && fact <= (wanted as number),
  },
}

/** Every path must be listed by a rule that opens; for one that closes, one is enough, however it is spelled. */
function matchesPaths(globs: readonly string[], fact: Fact | undefined, action: Action): boolean {
  if (!Array.isArray(fact)) return false
  const paths: readonly string[] = fact
  if (action === 'deny') {
    const folded = globs.map(foldGlob)
    return paths.some((path) => folded.some((glob) => matchesGlob(glob, foldPath(path))))
  }
  return paths.every((path) => globs.some((glob) => matchesGlob(glob, path)))
}

/** To open, `true` takes pushes that do it and pushes that do not; to close, it takes those that do. */
function mayKey(describe: string): MatchKey {
  return {
    schema: z.boolean(),
    describe,
    matches: (wanted, fact, action) =>
      typeof fact === 'boolean' && (fact === wanted || (action !== 'deny' && wanted === true)),
  }
}
