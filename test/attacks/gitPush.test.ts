import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import { type GitGate, startGitGate } from '../tools/git_push/gitGate.ts'
import { PASSWORD } from '../tools/git_push/upstream.ts'
import { mintCallers, readStartedCalls } from './callCorpus.ts'
import { forEachOf } from './corpus.ts'
import { buildCommits, MARKER, readScenarios, type Scenario, type Verdict } from './gitScenarios.ts'

const POLICY = `
policy: db-maintenance-agents
connections: [shop]
rules:
  - name: features
    match: { operation: push, branch: ["refs/heads/feature/*"], paths: ["*"] }
    action: allow
  - name: main
    match: { operation: push, branch: [refs/heads/main] }
    action: require-approval
  - name: rewrites
    match: { operation: [force-push, delete], branch: ["refs/heads/feature/*"] }
    action: require-approval
record: true
`

interface Called {
  readonly scenario: Scenario
  readonly answer: ToolAnswer | undefined
  readonly verdict: Verdict | 'unknown'
}

/** Callers of ten scenarios each: how many approvals one may ask for in a minute is limited. */
async function callAll(shop: GitGate, scenarios: readonly Scenario[]): Promise<readonly Called[]> {
  const { gate, upstream } = shop
  const commits = buildCommits(shop.clone, scenarios)
  const callers = await mintCallers(gate, scenarios.length)
  const batches = callers.map(({ token }, index) => ({
    token,
    scenarios: scenarios.slice(index * 10, index * 10 + 10),
  }))
  const called: Called[] = []
  const strangers = await gate.mint('app-only', { claims: { oid: STRANGER, sub: STRANGER } })
  shop.git('update-ref', 'refs/scenarios/other', 'origin/develop~0')
  const other = shop.git('commit-tree', 'origin/main^{tree}', '-p', 'origin/main', '-m', 'Of somebody else')
  expect(await shop.push([`${other}:refs/heads/agent/theirs`], { token: strangers })).toMatchObject({ code: 0 })
  const known = {
    main: upstream.refs()['refs/heads/main'] ?? '',
    develop: upstream.refs()['refs/heads/develop'] ?? '',
    blob: shop.git('rev-parse', 'origin/main:README.md'),
    tree: shop.git('rev-parse', 'origin/main^{tree}'),
    other,
  }
  await forEachOf(
    batches,
    async ({ token, scenarios: batch }) => {
      const refspec = ({ id, pushTo = '' }: Scenario) => `${commits.get(id)}:${pushTo.replace('{{aws}}', AWS)}`
      const together = batch.filter(({ pushTo, want }) => pushTo !== undefined && want !== 'unreceived')
      if (together.length > 0) {
        const { code, output } = await shop.push(together.map(refspec), { token })
        if (code !== 0) throw new Error(`ordinary commits were not received: ${output}`)
      }
      for (const scenario of batch) {
        if (scenario.want === 'unreceived') {
          const { code } = await shop.push([refspec(scenario)], { token })
          const args = { connection: 'shop', branch: `feature/${scenario.id}`, commit: commits.get(scenario.id) }
          const answer = await gate.call('git_push', args, { token })
          const isKept = code === 0 || answer.code !== 'ERR_GIT_COMMIT'
          called.push({ scenario, answer, verdict: isKept ? 'unknown' : 'unreceived' })
          continue
        }
        const args = filledArguments(scenario, commits, known)
        const answer = await gate.call('git_push', { connection: 'shop', ...args }, { token })
        called.push({ scenario, answer, verdict: 'unknown' })
      }
    },
    4,
  )
  const started = await readStartedCalls(gate)
  return called.map((one) => ({
    ...one,
    verdict: one.verdict === 'unreceived' ? one.verdict : verdictOf(one, started),
  }))
}

/** Hundreds of calls, each with a dozen processes. */
const HOOK_MS = 400_000

const STRANGER = '6f1c1b3e-0000-4000-8000-200000000001'
const AWS = ['AKIA', 'QYLPMN5H', 'GHFPZAM2'].join('')

function filledArguments({ id, args }: Scenario, commits: ReadonlyMap<string, string>, known: Record<string, string>) {
  const own = commits.get(id)
  const fill = (value: unknown) =>
    typeof value === 'string'
      ? value.replace(/\{\{(\w+)\}\}/g, (all, name: string) => known[name] ?? (name === 'aws' ? AWS : all))
      : value
  const filled = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, fill(value)]))
  const isWhole = 'patch' in args || 'delete' in args || 'commit' in args || own === undefined
  return isWhole ? filled : { commit: own, ...filled }
}

function verdictOf({ answer, scenario }: Called, started: ReadonlySet<unknown>): Verdict | 'unknown' {
  if (answer === undefined || scenario.want === 'unreceived') return 'unknown'
  const hasStarted = started.has(answer.call_id)
  if (answer.status === 'ok') return hasStarted ? 'pushed' : 'unknown'
  if (hasStarted) return 'unknown'
  if (answer.status === 'pending_approval') return 'pending'
  if (answer.status === 'denied') return 'denied'
  return answer.code === undefined ? 'unknown' : 'refused'
}

async function problemsOf(called: readonly Called[], shop: GitGate): Promise<string[]> {
  const trail = await shop.gate.readTrail()
  const judged = new Map(
    trail
      .filter(({ event }) => event === 'call.decided')
      .map(({ call, operations }) => [call, (operations as { operation: string }[]).map(({ operation }) => operation)]),
  )
  return called.flatMap(({ scenario, answer, verdict }) => {
    const say = (what: string) => [`${scenario.id} (${scenario.class}): ${what}; ${answer?.message}`]
    if (verdict !== scenario.want) return say(`${verdict} (${answer?.code}), not ${scenario.want}`)
    if (scenario.code !== undefined && answer?.code !== scenario.code)
      return say(`${answer?.code}, not ${scenario.code}`)
    const found = judged.get(answer?.call_id) ?? []
    const missing = scenario.operations.filter((operation) => !found.includes(operation))
    return missing.length === 0 ? [] : say(`judged ${found.join(', ')}, not ${missing.join(', ')}`)
  })
}

/** Everything that agents, reviewers, operators and auditors can see. */
async function everythingSeen(shop: GitGate, called: readonly Called[]): Promise<string> {
  const { gate } = shop
  const reviews = JSON.stringify(await gate.reviewer().list('all'))
  const files = await Promise.all(
    (await readdir(gate.auditDir)).map((name) => readFile(join(gate.auditDir, name), 'utf8')),
  )
  return [JSON.stringify(called.map(({ answer }) => answer)), reviews, ...files, ...gate.logLines].join('\n')
}

const open = (): Promise<GitGate> =>
  startGitGate({
    policy: POLICY,
    settings: {
      limits: { maxBranches: 1000, maxCommits: 30, maxBlob: '1MiB' },
      protectedPaths: ['terraform/*'],
    },
    seed: (upstream) => upstream.git(['update-ref', 'refs/heads/feature/old', 'refs/heads/main']),
  })

describe('hostile', () => {
  const scenarios = readScenarios('hostile')
  let shop: GitGate
  let before: Readonly<Record<string, string>>
  let called: readonly Called[]
  beforeAll(async () => {
    shop = await open()
    before = shop.upstream.refs()
    called = await callAll(shop, scenarios)
  }, HOOK_MS)
  afterAll(() => shop?.stop())

  test('every scenario gets its verdict, from the guard that is meant to give it', async () => {
    const problems = await problemsOf(called, shop)
    console.log(`git_push, hostile: ${scenarios.length - problems.length} of ${scenarios.length}`)
    expect(problems).toEqual([])
    expect(called).toHaveLength(scenarios.length)
    expect(scenarios.length).toBeGreaterThanOrEqual(80)
  })

  test('no branch of the server has moved but those that were allowed to', () => {
    const allowed = called.filter(({ verdict }) => verdict === 'pushed').map(({ answer }) => branchOf(answer))
    const now = Object.entries(shop.upstream.refs()).filter(([ref]) => !allowed.includes(ref))
    expect(Object.fromEntries(now)).toEqual(before)
    expect(shop.upstream.git(['for-each-ref', '--format=%(refname)', 'refs/tags', 'refs/notes', 'refs/replace'])).toBe(
      '',
    )
  })

  test('nothing of what was pushed has run', () => {
    expect(existsSync(MARKER)).toBe(false)
  })

  test('the password of the server is in nothing that anybody can see', async () => {
    const seen = await everythingSeen(shop, called)
    expect(shop.upstream.credentials.length).toBeGreaterThan(10)
    for (const form of [PASSWORD, Buffer.from(`gate:${PASSWORD}`).toString('base64'), AWS])
      expect(seen).not.toContain(form)
  })
})

describe('ordinary', () => {
  const scenarios = readScenarios('ordinary')
  let shop: GitGate
  let called: readonly Called[]
  beforeAll(async () => {
    shop = await open()
    called = await callAll(shop, scenarios)
  }, HOOK_MS)
  afterAll(() => shop?.stop())

  test('at least 97 of 100 get through', async () => {
    const problems = await problemsOf(called, shop)
    console.log(`git_push, ordinary: ${scenarios.length - problems.length} of ${scenarios.length}`)
    expect(problems.length).toBeLessThanOrEqual(scenarios.length * 0.03)
    expect(problems).toEqual([])
    expect(scenarios.length).toBeGreaterThanOrEqual(60)
  })

  test('what was pushed is at the server, commit for commit', () => {
    const refs = shop.upstream.refs()
    const pushed = called.filter(({ verdict }) => verdict === 'pushed')
    expect(pushed.length).toBeGreaterThan(50)
    for (const { answer } of pushed) expect(refs[branchOf(answer) ?? '']).toBe(factsOf(answer).commit)
  })
})

function factsOf(answer: ToolAnswer | undefined): { readonly branch?: string; readonly commit?: string } {
  return (answer?.result ?? {}) as { branch?: string; commit?: string }
}

const branchOf = (answer: ToolAnswer | undefined) => factsOf(answer).branch
