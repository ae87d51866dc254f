import { dirname, join, resolve } from 'node:path'
import type { ConfigFile } from './schema.ts'
import { FREE_FORM, isSecretReference } from './secretsOf.ts'

/** Makes every path absolute. Relative ones are relative to the folder of the file that names them. */
export function resolvePaths(settings: ConfigFile, folder: string): ConfigFile {
  const absolute = (path: string) => resolve(folder, path)
  const resolved = withSecretFiles(settings, absolute)
  const { audit, approvals, connections } = resolved
  return {
    ...resolved,
    audit: { ...audit, dir: absolute(audit.dir) },
    approvals: {
      ...approvals,
      store: { sqlite: absolute(approvals.store.sqlite) },
      ...(approvals.email !== undefined && { email: withSmtpCa(approvals.email, absolute) }),
    },
    connections: Object.fromEntries(
      Object.entries(connections).map(([name, connection]) => [
        name,
        withCache(withCa(connection, absolute), join(dirname(approvals.store.sqlite), 'git', name), absolute),
      ]),
    ),
  }
}

type Connection = ConfigFile['connections'][string]

function withCa(connection: Connection, absolute: (path: string) => string): Connection {
  if (!('tls' in connection) || connection.tls?.ca === undefined) return connection
  return { ...connection, tls: { ...connection.tls, ca: absolute(connection.tls.ca) } } as Connection
}

/** What is kept of a repository is beside the store, unless it is said otherwise. */
function withCache(connection: Connection, beside: string, absolute: (path: string) => string): Connection {
  return connection.type === 'git' ? { ...connection, cache: absolute(connection.cache ?? beside) } : connection
}

type Email = NonNullable<ConfigFile['approvals']['email']>

function withSmtpCa(email: Email, absolute: (path: string) => string): Email {
  const { smtp } = email
  return smtp.ca === undefined ? email : { ...email, smtp: { ...smtp, ca: absolute(smtp.ca) } }
}

function withSecretFiles<Value>(value: Value, absolute: (path: string) => string): Value {
  if (Array.isArray(value)) return value.map((item) => withSecretFiles(item, absolute)) as Value
  if (typeof value !== 'object' || value === null) return value
  if (isSecretReference(value)) return ('file' in value ? { file: absolute(value.file) } : value) as Value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, FREE_FORM.has(key) ? inner : withSecretFiles(inner, absolute)]),
  ) as Value
}
