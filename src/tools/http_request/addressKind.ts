import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Where an address leads. `never` is for what no connection may reach, however it was configured. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'never'

type Range = readonly [network: string, prefix: number]

/** IANA special-purpose registries (RFC 6890), and the addresses at which clouds hand out credentials. */
const NEVER_4 = ranges('ipv4', [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
])
const LOOPBACK_4 = ranges('ipv4', [['127.0.0.0', 8]])
const PRIVATE_4 = ranges('ipv4', [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
])
/** Inside of what is otherwise private or public: metadata services, protocol assignments, documentation, 6to4. */
const NEVER_6 = ranges('ipv6', [
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])
const LOOPBACK_6 = ranges('ipv6', [['::1', 128]])
const PRIVATE_6 = ranges('ipv6', [['fc00::', 7]])
const PUBLIC_6 = ranges('ipv6', [['2000::', 3]])

/**
 * What kind of address this is, as the operating system wrote it. IPv6 is an allow-list: whatever carries an IPv4 address
 * inside (mapped, compatible, NAT64), is link-local, multicast or not assigned is `never`.
 */
export function addressKind(address: string): AddressKind {
  if (isIPv4(address)) {
    if (NEVER_4.check(address, 'ipv4')) return 'never'
    if (LOOPBACK_4.check(address, 'ipv4')) return 'loopback'
    return PRIVATE_4.check(address, 'ipv4') ? 'private' : 'public'
  }
  // With a zone (`%eth0`) it is link-local by definition.
  if (!isIPv6(address) || address.includes('%') || NEVER_6.check(address, 'ipv6')) return 'never'
  if (LOOPBACK_6.check(address, 'ipv6')) return 'loopback'
  if (PRIVATE_6.check(address, 'ipv6')) return 'private'
  return PUBLIC_6.check(address, 'ipv6') ? 'public' : 'never'
}

function ranges(family: 'ipv4' | 'ipv6', list: readonly Range[]): BlockList {
  const block = new BlockList()
  for (const [network, prefix] of list) block.addSubnet(network, prefix, family)
  return block
}

/** Which addresses the host of a base URL may have. */
export function kindsAllowed(hostname: string, allowPrivate: boolean): readonly AddressKind[] {
  const literal = hostname.replace(/^\[|\]$/g, '')
  // An operator who writes an address means that address.
  if (isIPv4(literal) || isIPv6(literal)) return [addressKind(literal)].filter((kind) => kind !== 'never')
  if (isLoopbackName(hostname)) return ['loopback']
  return allowPrivate ? ['public', 'private'] : ['public']
}

/** RFC 6761, 6.3. */
function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost')
}
