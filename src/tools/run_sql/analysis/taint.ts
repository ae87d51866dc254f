/** The protected columns, by canonical name, that a value was made from. */
export type Taint = ReadonlySet<string>

export const CLEAN: Taint = new Set()

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
