import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { writeResponse } from '../../src/mcp/writeResponse.ts'
import { listen } from '../fixtures/wire.ts'

test('a client that does not read its answer is dropped after a while, and holds nothing up', async () => {
  let hasEnded = false
  const server = createServer(async (_request, response) => {
    await writeResponse(new Response(new Uint8Array(64 * 1024 * 1024)), response, 200)
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
})
