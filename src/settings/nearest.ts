/** The allowed word that a person most likely meant, or undefined when none is close. */
export function nearest(word: string, allowed: readonly string[]): string | undefined {
  const wanted = word.toLowerCase()
  let best: { readonly candidate: string; readonly distance: number } | undefined
  for (const candidate of allowed) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (best === undefined || distance < best.distance) best = { candidate, distance }
  }
  // A third of the word wrong is a typo; more is another word.
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** ` (did you mean "x"? allowed: x, y)`, for the end of a message. Long lists are cut. */
export function suggest(word: string | undefined, allowed: readonly string[]): string {
  const meant = word === undefined ? undefined : nearest(word, allowed)
  const shown = allowed.length > 30 ? [...allowed.slice(0, 30), '...'] : allowed
  const list = allowed.length === 0 ? 'allowed: none' : `allowed: ${shown.join(', ')}`
  return meant === undefined ? ` (${list})` : ` (did you mean "${meant}"? ${list})`
}

/**
 * Letters to add, drop, change or swap with their neighbour (optimal string alignment). Words are cut at 64: longer ones
 * are no typos of anything here, and the cost is quadratic.
 */
function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 64), right.slice(0, 64)]
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    rows.push(current)
    for (let column = 1; column <= b.length; column++) {
      const change = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swap = swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY
      current.push(Math.min(change, swap, at(row - 1, column) + 1, at(row, column - 1) + 1))
    }
  }
  return at(a.length, b.length)
}
