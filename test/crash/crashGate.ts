import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { ReviewView } from '../../src/approvals/review.ts'
import type { TrailRecord } from '../../src/audit/event.ts'
import { OWN_PUBLIC_KEY, publicKeysOf } from '../../src/audit/signingKey.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { type DemoIssuer, startIssuer } from '../../src/demo/issuer.ts'
import { DEMO_IDS, writeDemoConfig } from '../../src/demo/writeConfig.ts'
import { compileSources } from '../audit/compileSources.ts'
import { callTool, type ToolAnswer } from '../fixtures/callTool.ts'
import { CREDENTIALS, type RealDatabase, startRealDatabase } from '../fixtures/realDatabase.ts'
import { listen } from '../fixtures/wire.ts'
import { readTrailFiles } from './readTrailFiles.ts'

const SEED = `
  CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
  INSERT INTO counters SELECT generate_series(1, 10000);
  CREATE TABLE ledger (id int NOT NULL);
`

const POLICY = `policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT|INSERT
    action: allow
  - match: UPDATE
    action: require-approval
record: true
`

/** One run of the gateway, in a process of its own. */
export interface Run {
  readonly url: string
  readonly recovered: { readonly executed: number; readonly failed: number; readonly unknown: number }
  /** Resolves with the signal that ended the process, null when it ended by itself. */
  readonly ended: Promise<NodeJS.Signals | null>
  kill(): void
  /** From now on it kills itself when it comes to this point (see gateProcess.mjs). */
  arm(point: string): Promise<void>
  /** Lets it end in order. */
  stop(): Promise<void>
}

/** A gateway whose process may be killed, on a database and an issuer that live on in this one. */
export interface CrashGate {
  readonly database: RealDatabase
  /** Starts it; with `point` it is armed for the start itself. `inlineWait` is how long calls wait for people. */
  start(options?: { point?: string; inlineWait?: string }): Promise<Run | undefined>
  /** An agent of its own for each number: limits count per caller. */
  token(agent: number): Promise<string>
  call(token: string, tool: string, args: Readonly<Record<string, unknown>>): Promise<ToolAnswer>
  /** Approves the request of `agent` as soon as there is one. Undefined when the gateway is gone. */
  approve(agent: number, until: AbortSignal): Promise<ReviewView | undefined>
  /** The record of an approval as the store has it. */
  stored(id: string): Promise<Approval | undefined>
  /** What the store and the trail say about the chain; undefined when it is whole. */
  verify(): Promise<string | undefined>
  readTrail(): Promise<TrailRecord[]>
  stop(): Promise<void>
}

export async function openCrashGate(): Promise<CrashGate> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-crash-'))
  const sources = join(dir, 'src')
  compileSources(sources, ['src/startGateway.ts', 'src/adapters/log.ts'])
  const database = await startRealDatabase({ seed: SEED })
  const issuer = await startIssuer()
  const port = await freePort()
  const configPath = await writeDemoConfig({
    dir,
    port,
    issuer: issuer.authority,
    database,
    credentials: CREDENTIALS,
  })
  await writeFile(join(dir, 'policies', 'db-maintenance-agents.yaml'), POLICY)
  const template = (await readFile(configPath, 'utf8')).replace(/protect: .*/, 'protect: []')
  const api = `http://127.0.0.1:${port}/api/approvals`
  const running = new Set<ChildProcess>()

  return {
    database,
    async start({ point = '', inlineWait = '0s' } = {}) {
      await writeFile(configPath, template.replace(/inlineWait: \S+/, `inlineWait: ${inlineWait}`))
      const child = fork(new URL('gateProcess.mjs', import.meta.url), [sources, configPath, point], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      running.add(child)
      const ended = once(child, 'exit').then(([, signal]) => {
        running.delete(child)
        return signal as NodeJS.Signals | null
      })
      const ready = await Promise.race([
        once(child, 'message').then(([message]) => message),
        ended.then(() => undefined),
      ])
      if (ready === undefined) return undefined
      return {
        ...(ready as Pick<Run, 'url' | 'recovered'>),
        ended,
        kill: () => void child.kill('SIGKILL'),
        async arm(point) {
          child.send({ point })
          await Promise.race([once(child, 'message'), ended])
        },
        async stop() {
          if (child.connected) child.send({})
          await ended
        },
      }
    },
    token: (agent) => mintAgent(issuer, agent),
    call: (token, tool, args) => callTool(`http://127.0.0.1:${port}/mcp`, token, tool, args),
    async approve(agent, until) {
      const headers = { authorization: `Bearer ${await issuer.mint('reviewer')}`, 'content-type': 'application/json' }
      while (!until.aborted) {
        try {
          const answer = await fetch(`${api}?state=open`, { headers, signal: until })
          const { approvals } = (await answer.json()) as { approvals: ReviewView[] }
          const view = approvals.find(({ who, state }) => state === 'pending' && who.subject === subjectOf(agent))
          if (view !== undefined) {
            const body = JSON.stringify({ digest: view.digest })
            const vote = await fetch(`${api}/${view.id}/approve`, { method: 'POST', headers, body, signal: until })
            const { approval } = (await vote.json()) as { approval: ReviewView }
            if (!vote.ok) throw new TypeError(`the vote was answered with ${vote.status}`)
            return approval
          }
        } catch (error) {
          if (error instanceof TypeError && error.message.startsWith('the vote')) throw error
          // A connection to the process that was killed may still be in the pool.
        }
        await sleep(15)
      }
      return undefined
    },
    async stored(id) {
      const store = openSqliteStore(join(dir, 'countersign.db'))
      const approval = await store.get(id)
      await store.close()
      return approval
    },
    async verify() {
      const store = openSqliteStore(join(dir, 'countersign.db'))
      const head = await store.loadHead('gate')
      await store.close()
      const publicKeys = publicKeysOf(await readFile(join(dir, 'audit', OWN_PUBLIC_KEY), 'utf8'))
      const heads = head === undefined ? [] : [{ replica: 'gate', ...head }]
      const reports = await verifyTrail(join(dir, 'audit'), { heads, publicKeys, archived: false })
      return reports.map(({ break: broken }) => broken && `${broken.kind}: ${broken.message}`).find(Boolean)
    },
    readTrail: () => readTrailFiles(join(dir, 'audit')),
    async stop() {
      for (const child of running) {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
      await issuer.close()
      await database.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Nobody of the demo's directory: the reviewer must not meet a call of its own. */
const subjectOf = (agent: number) => `6f1c1b3e-0000-4000-9000-${String(agent).padStart(12, '0')}`

function mintAgent(issuer: DemoIssuer, agent: number): Promise<string> {
  const oid = subjectOf(agent)
  const roles = ['Agent.Access', 'db-maintenance-agents']
  const claims = { roles, azp: DEMO_IDS.agentApp, oid, sub: oid }
  return issuer.mint('app-only', { claims, lifetime: 8 * 3600 })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  return port
}
