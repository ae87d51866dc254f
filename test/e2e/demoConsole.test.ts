import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openVisitor } from '../console/visitor.ts'

// The built command, as users run it: `npm run test:e2e` builds first.
const MAIN = join(import.meta.dirname, '../../dist/main.js')

let demo: ChildProcess | undefined
let folder = ''
afterEach(async () => {
  if (demo?.exitCode === null) {
    demo.kill('SIGTERM')
    await once(demo, 'exit')
  }
  await rm(folder, { recursive: true, force: true })
})

/** Starts the demo and waits until it has printed something. `terminal` gives it one to read keys from (util-linux). */
async function startDemo(port: number, terminal: boolean) {
  folder = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  const args = ['demo', '--port', String(port), '--dir', join(folder, 'demo')]
  demo = terminal
    ? spawn('script', ['-qefc', [process.execPath, MAIN, ...args].join(' '), '/dev/null'])
    : spawn(process.execPath, [MAIN, ...args])
  const child = demo
  let out = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  return async (words: RegExp) => {
    while (!words.test(out)) {
      if (child.exitCode !== null) throw new Error(`the demo ended with ${child.exitCode}: ${out}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return out
  }
}

test('the demo prints the address of its console, and the built console brings its own files', async () => {
  const printed = await startDemo(18_790, false)
  const out = await printed(/Your own agent/)
  expect(out).toContain('http://127.0.0.1:18790/console')
  const visitor = openVisitor('http://127.0.0.1:18790/mcp')
  await visitor.signIn('grace')
  const page = await visitor.visit('/console/history')
  expect(page.text).toContain('DELETE FROM jobs')
  const files = [...page.text.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)].map(([, path = '']) => path)
  expect(files.length).toBeGreaterThan(1)
  for (const file of [...files, '/console/assets/console.js']) expect((await visitor.visit(file)).status).toBe(200)
})

test('with a terminal, a decision in the console is as good as a key', async () => {
  const printed = await startDemo(18_791, true)
  const out = await printed(/console\/requests\/apr_\w{26}/)
  const [, id = ''] = /console\/requests\/(apr_\w{26})/.exec(out) ?? []
  const visitor = openVisitor('http://127.0.0.1:18791/mcp')
  await visitor.signIn('grace')
  const page = await visitor.visit(`/console/requests/${id}`)
  expect((await visitor.submit(page, '/approve', { reason: '' })).status).toBe(303)
  const after = await printed(/Your own agent/)
  expect(after).toContain('approved by grace@corp.example (console)')
  expect(after).toMatch(/executed once: 148 rows/)
})
