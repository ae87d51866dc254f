import type { Json } from '../call.ts'
import { GateError } from '../errors.ts'

const PLACEHOLDER_START = '[masked:'

/**
 * Refuses arguments that carry a placeholder: an agent that copies a masked row back would overwrite the value with
 * it. For every tool, before the arguments are understood. `reason` is prose for reviewers and may quote one.
 *
 * @throws GateError ERR_PLACEHOLDER, naming the argument.
 */
export function refusePlaceholders(args: Json): void {
  if (args === null || typeof args !== 'object') return
  for (const [name, value] of Object.entries(args)) {
    if (name !== 'reason' && holdsPlaceholder(value)) {
      throw new GateError('ERR_PLACEHOLDER', { detail: `Found in the argument ${JSON.stringify(name.slice(0, 64))}.` })
    }
  }
}

/** Without recursion: arguments come from outside and may be nested as deeply as a body is long. */
function holdsPlaceholder(value: Json): boolean {
  const rest: Json[] = [value]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === 'string' && next.includes(PLACEHOLDER_START)) return true
    if (next !== null && typeof next === 'object') {
      for (const [key, inner] of Object.entries(next)) rest.push(key, inner)
    }
  }
  return false
}
