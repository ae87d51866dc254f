import { lookup as systemLookup } from 'node:dns'
import { readFile } from 'node:fs/promises'
import { type LookupFunction, type Socket, SocketAddress } from 'node:net'
import type { buildConnector } from 'undici'
import { GateError } from '../../errors.ts'
import { type AddressKind, addressKind, kindsAllowed } from './addressKind.ts'
import type { HttpConnection } from './settings.ts'

/** Asks for all addresses of a name. The system's own (`dns.lookup`) everywhere but in tests. */
export type LookUpAddresses = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: readonly { address: string; family: number }[]) => void,
) => void

export const lookUpWithSystem: LookUpAddresses = (hostname, callback) =>
  systemLookup(hostname, { all: true, verbatim: true }, callback)

const CONNECT_MS = 10_000

/**
 * Opens sockets to the host of a base URL, and only to addresses that this host may have. The names are looked up by the
 * socket itself, and what is checked there is what it connects to: nothing can change in between. The address at the far
 * end is checked once more before anything is sent.
 */
export async function createConnector(
  { baseUrl, allowPrivate, tls }: Pick<HttpConnection, 'baseUrl' | 'allowPrivate' | 'tls'>,
  lookUp: LookUpAddresses,
): Promise<buildConnector.connector> {
  const { buildConnector } = await import('undici')
  // The library hands on an IPv6 address without its brackets.
  const hostname = new URL(baseUrl).hostname.replace(/^\[|\]$/g, '')
  const allowed = kindsAllowed(hostname, allowPrivate)
  const connect = buildConnector({
    timeout: CONNECT_MS,
    maxCachedSessions: 0,
    // Whatever the environment says about certificates.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ca: tls.ca === undefined ? undefined : await readAuthority(tls.ca),
    lookup: guardLookup(hostname, allowed, lookUp),
  })
  return (options, callback) => {
    if (options.hostname !== hostname) return callback(new GateError('ERR_HTTP_ADDRESS'), null)
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      if (socket === null) return callback(new GateError('ERR_HTTP_ADDRESS'), null)
      if (!isAllowed(farEnd(socket), allowed)) {
        socket.destroy()
        return callback(new GateError('ERR_HTTP_ADDRESS'), null)
      }
      callback(null, socket)
    })
  }
}

async function readAuthority(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new GateError('ERR_TARGET_UNAVAILABLE', { detail: 'The file of tls.ca cannot be read.', cause })
  }
}

function guardLookup(hostname: string, allowed: readonly AddressKind[], lookUp: LookUpAddresses): LookupFunction {
  return (asked, options, callback) => {
    const fail = (error: NodeJS.ErrnoException) => callback(error, [])
    if (asked !== hostname) return fail(new GateError('ERR_HTTP_ADDRESS'))
    lookUp(hostname, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null) return fail(error)
      // One stray address makes all of them suspect.
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address, allowed))) {
        return fail(refuseAddress(addresses, allowed))
      }
      if (options.all === true) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    })
  }
}

function isAllowed(address: string | undefined, allowed: readonly AddressKind[]): boolean {
  return address !== undefined && allowed.includes(addressKind(address))
}

/** A socket that is closed already has no far end, and is refused. */
function farEnd(socket: Socket): string | undefined {
  const { remoteAddress } = socket
  return remoteAddress === undefined
    ? undefined
    : new SocketAddress({ address: remoteAddress, family: remoteAddress.includes(':') ? 'ipv6' : 'ipv4' }).address
}

function refuseAddress(addresses: readonly { address: string }[], allowed: readonly AddressKind[]): GateError {
  const isPrivate = addresses.every(({ address }) => ['public', 'private'].includes(addressKind(address)))
  const detail =
    isPrivate && !allowed.includes('private')
      ? 'It is in a private network; if it belongs there, an operator sets allowPrivate.'
      : undefined
  return new GateError('ERR_HTTP_ADDRESS', detail === undefined ? {} : { detail })
}
