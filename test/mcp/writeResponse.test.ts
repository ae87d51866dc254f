import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { endResponse, writeResponse } from '../../src/mcp/writeResponse.ts'
import { listen } from '../fixtures/wire.ts'

const BYTES = 64 * 1024 * 1024

test.each([
  ['a web response', (to: ServerResponse) => writeResponse(new Response(new Uint8Array(BYTES)), to, 200)],
  ['one piece', (to: ServerResponse) => endResponse(to, 'x'.repeat(BYTES), 200)],
])(
  'a client that does not read its answer, %s, is dropped after a while, and holds nothing up',
  async (_kind, write) => {
    let hasEnded = false
    const server = createServer(async (_request, response) => {
      await write(response)
      hasEnded = response.destroyed
    })
    const socket = connect(await listen(server), '127.0.0.1', () => {
      socket.pause()
      socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    })
    socket.on('error', () => {})
    await expect.poll(() => hasEnded, { timeout: 5_000 }).toBe(true)
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  },
)
