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

/** Levenshtein distance. Words are cut at 64: longer ones are no typos of anything here, and the cost is quadratic. */
function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 64), right.slice(0, 64)]
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const swap = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
