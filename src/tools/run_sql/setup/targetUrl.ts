import { GateError } from '../../../errors.ts'

/** Where a PostgreSQL server is, and as whom to look at it. Without the password: that comes from the environment. */
export interface PostgresTarget {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly tls: { readonly mode: 'disable' | 'require' | 'verify-full'; readonly ca?: string | undefined }
}

/**
 * Reads `postgres://user@host:port/database?sslmode=verify-full&sslrootcert=ca.pem` (PostgreSQL documentation, section
 * 34.1.1.2). A password in it is refused: command lines are read by every user of a machine and kept in histories.
 *
 * @throws GateError ERR_ARGUMENTS, without a word of the URL
 */
export function readTargetUrl(text: string): PostgresTarget {
  if (!URL.canParse(text)) refuse('It is not a URL such as postgres://user@host:5432/database.')
  const url = new URL(text)
  if (!['postgres:', 'postgresql:'].includes(url.protocol)) refuse('Its scheme is not postgres.')
  if (url.password !== '' || url.searchParams.has('password')) {
    refuse('It holds a password: put that into the environment variable PGPASSWORD instead.')
  }
  const database = decoded(url.pathname.slice(1))
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1')
  if (host === '') refuse('It names no host.')
  if (database === '' || database.includes('/')) refuse('It names no database: add one after the last slash.')
  const unknown = [...url.searchParams.keys()].filter((key) => key !== 'sslmode' && key !== 'sslrootcert')
  if (unknown.length > 0) refuse('Of its parameters only sslmode and sslrootcert are understood.')
  return {
    ...{ host, port: url.port === '' ? 5432 : Number(url.port), database },
    user: url.username === '' ? 'postgres' : decoded(url.username),
    tls: readTls(url, host),
  }
}

function readTls({ searchParams }: URL, host: string): PostgresTarget['tls'] {
  const isLocal = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
  const mode = searchParams.get('sslmode') ?? (isLocal ? 'disable' : 'verify-full')
  if (mode !== 'disable' && mode !== 'require' && mode !== 'verify-full') {
    return refuse('sslmode is one of disable, require, verify-full.')
  }
  if (mode === 'disable' && !isLocal) refuse('sslmode=disable is accepted for loopback hosts only.')
  const ca = searchParams.get('sslrootcert')
  return ca === null ? { mode } : { mode, ca }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse('It has a broken percent-encoding.')
  }
}

function refuse(detail: string): never {
  throw new GateError('ERR_ARGUMENTS', { detail: `The URL of the database: ${detail}` })
}
