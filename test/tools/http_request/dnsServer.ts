import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns'
import { once } from 'node:events'
import type { LookUpAddresses } from '../../../src/tools/http_request/createConnector.ts'

export interface DnsServer {
  /** What every name resolves to from now on. */
  resolveTo(...addresses: readonly string[]): void
  /** Questions for A records that were asked. */
  readonly asked: readonly string[]
  readonly lookUp: LookUpAddresses
  close(): void
}

/** A real DNS server (RFC 1035) on loopback, for A records whose addresses change. */
export async function startDns(): Promise<DnsServer> {
  let answers: readonly string[] = []
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const labels: string[] = []
    let at = 12
    for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
      labels.push(query.subarray(at + 1, at + 1 + size).toString('latin1'))
      at += size + 1
    }
    asked.push(labels.join('.'))
    const question = query.subarray(12, at + 5)
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8580, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(answers.length, 6)
    const records = answers.map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split('.').map(Number)]),
    )
    socket.send(Buffer.concat([header, question, ...records]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  return {
    resolveTo(...addresses) {
      answers = addresses
    },
    asked,
    lookUp: (hostname, callback) =>
      resolver.resolve4(hostname, (error, addresses) =>
        callback(error, error === null ? addresses.map((address) => ({ address, family: 4 })) : []),
      ),
    close() {
      resolver.cancel()
      socket.close()
    },
  }
}
