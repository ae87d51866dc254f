import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runPolicyTests } from '../../src/cli/policyTest.ts'
import { GateError } from '../../src/errors.ts'
import { httpTool, exampleSqlTool as sqlTool, sshTool } from '../policy/judgedTools.ts'
import { operation, policiesOf } from '../policy/policies.ts'
import { createPage } from './page.ts'

const examples = new URL('../../examples', import.meta.url).pathname

let folder = ''
let page = createPage()
const parts = { tools: [sqlTool, sshTool, httpTool], understand: undefined }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policytest-'))
  page = createPage()
})
afterEach(() => rm(folder, { recursive: true }))

const HEAD = `config: ${examples}/countersign.yaml
callers:
  agent: { kind: agent, groups: [db-maintenance-agents] }
tests:
`
const one = (rest: string) => `${HEAD}  - { name: t, caller: agent, connection: prod-maintenance, ${rest} }\n`
const run = async (text: string, over: Partial<Parameters<typeof runPolicyTests>[1]> = {}, json = false) => {
  await writeFile(join(folder, 'x.test.yaml'), text)
  return await runPolicyTests({ folder, json }, { ...parts, ...over }, page.terminal)
}

test('the examples pass', async () => {
  const code = await runPolicyTests({ folder: examples, json: false }, parts, page.terminal)
  expect(page.text()).toMatch(/\n54 passed, 0 failed\n$/)
  expect(code).toBe(0)
})

test('the seed policy of the examples is the one that the design promises, word for word', async () => {
  const seed = await readFile(join(examples, 'policies/db-maintenance-agents.yaml'), 'utf8')
  expect(seed.replace(/ +#.*/, '')).toBe(
    'policy: db-maintenance-agents\nconnection: prod-maintenance\nrules:\n  - match: SELECT\n    action: allow\n  - match: DELETE|DROP|UPDATE\n    action: require-approval\nrecord: true\n',
  )
})

describe('a test fails, with what differs, when', () => {
  test.each([
    ['the action is another', 'operations: [DELETE], expect: allow', 'expected allow, got require-approval'],
    [
      'the rule is another',
      'operations: [DELETE], expect: { action: require-approval, rule: 1 }',
      'expected rule 1, got 2',
    ],
    [
      'the policy is another',
      'operations: [SELECT], expect: { action: allow, policy: cleanup }',
      'expected policy cleanup, got db-maintenance-agents',
    ],
    [
      'the reason is another',
      'operations: [INSERT], expect: { action: deny, reason: floor }',
      'expected reason floor, got no-rule-matched',
    ],
    [
      'the reviewers are others',
      'operations: [DROP], expect: { action: require-approval, reviewers: [dba] }',
      'expected reviewers dba, got dba, two-dbas',
    ],
    [
      'the row limit is another',
      'operations: [DELETE], expect: { action: require-approval, maxRows: 5 }',
      'expected maxRows 5, got none',
    ],
    ['it gives SQL and no target is there', 'sql: SELECT 1, expect: deny', 'this test needs the target'],
  ])('%s', async (_, rest, difference) => {
    expect(await run(one(rest))).toBe(1)
    expect(page.text()).toContain(difference)
    expect(page.text()).toMatch(/x\.test\.yaml:5\n/)
    expect(page.text()).toMatch(/0 passed, 1 failed\n$/)
  })
})

test('SQL goes through the understanding that is passed in', async () => {
  const understand = async (_: unknown, tool: string, args: Record<string, unknown>) => {
    expect([tool, args]).toEqual(['run_sql', { sql: 'SELECT 1', connection: 'prod-maintenance' }])
    return [operation('SELECT')]
  }
  expect(await run(one('sql: SELECT 1, expect: allow'), { understand })).toBe(0)
})

test('what cannot be understood is a denial, but of no rule; an outage proves nothing', async () => {
  const fail = (code: 'ERR_ARGUMENTS' | 'ERR_TARGET_UNAVAILABLE') => ({
    understand: () => Promise.reject(new GateError(code)),
  })
  expect(await run(one('sql: SELEC, expect: deny'), fail('ERR_ARGUMENTS'))).toBe(0)
  expect(await run(one('sql: SELEC, expect: { action: deny, rule: never }'), fail('ERR_ARGUMENTS'))).toBe(1)
  expect(await run(one('sql: SELEC, expect: allow'), fail('ERR_ARGUMENTS'))).toBe(1)
  expect(await run(one('sql: SELECT 1, expect: deny'), fail('ERR_TARGET_UNAVAILABLE'))).toBe(1)
})

test('results are there for machines too', async () => {
  expect(await run(one('operations: [SELECT], expect: allow'), {}, true)).toBe(0)
  expect(JSON.parse(page.text())).toMatchObject({
    passed: 1,
    failed: 0,
    results: [{ name: 't', line: 5, passed: true }],
  })
})

describe('a test file with a mistake does not run', () => {
  test.each([
    [
      'an operation that the tool never reports',
      one('operations: [SELEKT], expect: deny'),
      /^.*:5:74: run_sql never reports "SELEKT" \(did you mean "SELECT"/,
    ],
    ['a glob, which no call has', one('operations: ["function:*"], expect: deny'), /never reports "function:\*"/],
    [
      'a caller that is not described',
      one('operations: [SELECT], expect: deny').replace('caller: agent,', 'caller: agnet,'),
      /no caller is called "agnet" \(did you mean "agent"/,
    ],
    [
      'a group that is no alias',
      one('operations: [SELECT], expect: deny').replace('[db-maintenance-agents]', '[dba-lead]'),
      /no group alias is called "dba-lead"/,
    ],
    [
      'a connection that does not exist',
      one('operations: [SELECT], expect: deny').replace('prod-maintenance,', 'prod,'),
      /no connection is called "prod"/,
    ],
    [
      'a tool of another connection',
      one('tool: kubectl, operations: [SELECT], expect: deny'),
      /no such tool, or several \(allowed: run_sql\)/,
    ],
    [
      'uses of a rule that has no rate',
      one('operations: [SELECT], used: { look-upp: 1 }, expect: deny'),
      /no rule with atMost is called "look-upp" \(did you mean "look-up"/,
    ],
    [
      'a moment without its offset',
      one('operations: [SELECT], at: "2026-11-20T22:00:00", expect: deny'),
      /expected a time with its offset from UTC/,
    ],
    ['no call at all', one('expect: deny'), /exactly one of the keys operations, arguments, sql/],
    ['two calls', one('operations: [SELECT], sql: x, expect: deny'), /exactly one of the keys/],
    ['an unknown key', one('operations: [SELECT], expect: deny, exspect: allow'), /unknown key "exspect"/],
    [
      'a configuration that is not there',
      HEAD.replace('countersign.yaml', 'none.yaml') +
        '  - { name: t, caller: agent, connection: p, operations: [SELECT], expect: deny }\n',
      /none\.yaml:1:1: no such file/,
    ],
  ])('%s', async (_, text, message) => {
    await expect(run(text)).rejects.toMatchObject({ code: 'ERR_CONFIG', detail: expect.stringMatching(message) })
  })

  test('a folder without tests is wrong use, not success', async () => {
    await expect(runPolicyTests({ folder, json: false }, parts, page.terminal)).rejects.toMatchObject({
      code: 'ERR_ARGUMENTS',
    })
    await expect(
      runPolicyTests({ folder: join(folder, 'no'), json: false }, parts, page.terminal),
    ).rejects.toMatchObject({
      code: 'ERR_ARGUMENTS',
    })
  })
})

test('the files that docs/policy.md shows load', async () => {
  const page = await readFile(new URL('../../docs/policy.md', import.meta.url), 'utf8')
  const [policy = '', hours = '', tests = ''] = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(
    ([, text = '']) => text,
  )
  const seed = await readFile(join(examples, 'policies/db-maintenance-agents.yaml'), 'utf8')
  expect(policy).toBe(seed)
  const lines = `policy: dba-leads\nconnection: staging\nrules:\n${hours}`
  expect(policiesOf([lines]).policies[0]?.rules.map(({ name }) => name)).toEqual([
    'correct-in-office-hours',
    'weekly-close',
  ])
  const understand = () => Promise.resolve([operation('SELECT'), operation('DELETE')])
  expect(await run(tests.replace('../countersign.yaml', `${examples}/countersign.yaml`), { understand })).toBe(0)
})
