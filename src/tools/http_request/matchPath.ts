import { matchesGlob } from '../../settings/glob.ts'

/**
 * Whether a glob names a decoded path. `*` stands for characters of one segment, `**` as a whole segment for any number
 * of segments, none included: `/builds/**` names `/builds` and everything below it.
 */
export function matchesPath(glob: string, path: string): boolean {
  return matchesSegments(segmentsOf(glob), segmentsOf(path))
}

/**
 * The same as a careless server might read it: upper and lower case are one, and so is a path with and without a slash
 * at its end. For rules that close: what they name must not be reached under another spelling.
 */
export function mayMatchPath(glob: string, path: string): boolean {
  return matchesPath(loosely(glob), loosely(path))
}

function loosely(path: string): string {
  const folded = path.toUpperCase().toLowerCase()
  return folded.length > 1 && folded.endsWith('/') ? folded.slice(0, -1) : folded
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').slice(1)
}

/** Goes back to the last `**` only: as for stars in a text, the earliest continuation is enough. */
function matchesSegments(globs: readonly string[], segments: readonly string[]): boolean {
  let [glob, segment] = [0, 0]
  let last: { readonly glob: number; segment: number } | undefined
  while (segment < segments.length) {
    if (globs[glob] === '**') {
      last = { glob, segment }
      glob++
    } else if (matchesSegment(globs[glob], segments[segment] ?? '')) {
      glob++
      segment++
    } else if (last !== undefined) {
      last.segment++
      glob = last.glob + 1
      segment = last.segment
    } else return false
  }
  return globs.slice(glob).every((rest) => rest === '**')
}

/** A star needs something to stand for: `/builds/*` is not `/builds/`. */
function matchesSegment(glob: string | undefined, segment: string): boolean {
  if (glob === undefined) return false
  return segment === '' ? glob === '' : matchesGlob(glob, segment)
}
