import { resolve } from 'node:path'
import type { ConfigFile } from './schema.ts'

/** Makes every path absolute. Relative ones are relative to the folder of the file that names them. */
export function resolvePaths(settings: ConfigFile, folder: string): ConfigFile {
  const absolute = (path: string) => resolve(folder, path)
  const { audit, approvals, connections } = withSecretFiles(settings, absolute)
  return {
    ...withSecretFiles(settings, absolute),
    audit: { ...audit, dir: absolute(audit.dir) },
    approvals: { ...approvals, store: { sqlite: absolute(approvals.store.sqlite) } },
    connections: Object.fromEntries(
      Object.entries(connections).map(([name, connection]) => [name, withCa(connection, absolute)]),
    ),
  }
}

type Connection = ConfigFile['connections'][string]

function withCa(connection: Connection, absolute: (path: string) => string): Connection {
  const { tls } = connection
  return tls?.ca === undefined ? connection : { ...connection, tls: { ...tls, ca: absolute(tls.ca) } }
}

/** A mapping with nothing but a `file` is a secret reference, wherever it stands. */
function withSecretFiles<Value>(value: Value, absolute: (path: string) => string): Value {
  if (Array.isArray(value)) return value.map((item) => withSecretFiles(item, absolute)) as Value
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
    key,
    withSecretFiles(inner, absolute),
  ])
  const [only, other] = entries
  if (only?.[0] === 'file' && typeof only[1] === 'string' && other === undefined)
    return { file: absolute(only[1]) } as Value
  return Object.fromEntries(entries) as Value
}
