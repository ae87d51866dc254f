import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listen } from '../../fixtures/wire.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const SUITE = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js')

/**
 * Runs every scenario that a revision of the protocol requires of a server. `code` is 0 when exactly the failures of
 * the baseline were found: one that does not fail any more is an error too.
 */
export async function runSuite(port: number, revision: string, baseline: string) {
  const proxy = await startProxy(port)
  const folder = await mkdtemp(join(tmpdir(), 'countersign-conformance-'))
  const args = ['--import', here('globSync.mjs'), SUITE, 'server', '--url', `http://127.0.0.1:${proxy.port}/mcp`]
  try {
    return await new Promise<{ code: number; output: string }>((resolve) => {
      execFile(
        process.execPath,
        [...args, '--requirements', revision, '--expected-failures', here(baseline), '-o', folder],
        { maxBuffer: 64 * 1024 * 1024, timeout: 240_000 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
          resolve({ code, output: stdout + stderr })
        },
      )
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
    await proxy.close()
  }
}

/** The suite cannot send a credential: this adds one, and changes nothing else. Host and Origin pass through. */
async function startProxy(port: number) {
  const server: Server = createServer((incoming, outgoing) => {
    const { method, url } = incoming
    const headers = { ...incoming.headers, authorization: 'Bearer good' }
    const sent = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    sent.on('error', () => outgoing.destroy())
    outgoing.on('close', () => sent.destroy())
    incoming.pipe(sent)
  })
  return {
    port: await listen(server),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
