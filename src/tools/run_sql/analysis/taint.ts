/** The protected columns, by canonical name, that a value was made from. */
export type Taint = ReadonlySet<string>

export const CLEAN: Taint = new Set()

/**
 * Stands for "whatever a function that nobody vouches for may have read". It hides outputs; the function itself is an
 * operation of its own, so it is not reported again as a predicate or a copy.
 */
export const OPAQUE = '*'

export function withoutOpaque(taint: Taint): Taint {
  if (!taint.has(OPAQUE)) return taint
  return new Set([...taint].filter((column) => column !== OPAQUE))
}

export function union(taints: Iterable<Taint>): Taint {
  let first = CLEAN
  let merged: Set<string> | undefined
  for (const taint of taints) {
    if (taint.size === 0 || taint === first) continue
    if (first.size === 0) first = taint
    else {
      merged ??= new Set(first)
      for (const column of taint) merged.add(column)
    }
  }
  return merged ?? first
}
