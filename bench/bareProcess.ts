import { createServer } from 'node:http'
import { Pool } from 'pg'
import { readInput, serveParent, usageNow } from './childProcess.ts'
import type { Target } from './workload.ts'

/**
 * What the gate is compared with: an HTTP server that does the same query over as many sessions, and nothing else. It
 * asks nobody who they are, judges nothing, hides nothing and writes nothing down.
 */
const { port, database } = readInput<{ port: number; database: Target }>()
const pool = new Pool({ ...database, max: 8 })
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { params } = JSON.parse(Buffer.concat(chunks).toString()) as {
      params: { arguments: { sql: string; params?: string[] } }
    }
    pool.query({ text: params.arguments.sql, values: params.arguments.params ?? [], rowMode: 'array' }).then(
      ({ fields, rows }) => {
        const result = { status: 'ok', columns: fields.map(({ name }) => name), rows }
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
      },
      (error: unknown) => {
        console.error(error)
        response.writeHead(500).end()
      },
    )
  })
})
server.listen(port, '127.0.0.1', () => {
  serveParent(usageNow, async () => {
    server.closeAllConnections()
    await pool.end()
  })
})
