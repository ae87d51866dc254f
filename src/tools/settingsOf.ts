import { GateError } from '../errors.ts'

/**
 * The settings of the connection of this name. The name may come from a caller: `__proto__` and the like name none.
 *
 * @throws GateError ERR_CONNECTION_UNKNOWN
 */
export function settingsOf<Settings>(connections: Readonly<Record<string, Settings>>, name: string): Settings {
  const found = Object.hasOwn(connections, name) ? connections[name] : undefined
  if (found === undefined) throw new GateError('ERR_CONNECTION_UNKNOWN')
  return found
}
