import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../src/call.ts'
import { type ExplainRequest, runExplain, type UnderstandOperations } from '../../src/cli/explain.ts'
import { GateError } from '../../src/errors.ts'
import { httpTool, exampleSqlTool as sqlTool, sshTool } from '../policy/judgedTools.ts'
import { operation } from '../policy/policies.ts'
import { createPage } from './page.ts'

const examples = new URL('../../examples', import.meta.url).pathname

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function run(
  operations: readonly Operation[] | UnderstandOperations,
  over: Partial<ExplainRequest> = {},
  args: readonly string[] = ['connection=prod-maintenance', 'sql=SELECT 1'],
) {
  const page = createPage()
  const understand = typeof operations === 'function' ? operations : () => Promise.resolve(operations)
  const request = {
    configPath: `${examples}/countersign.yaml`,
    callerPath: `${examples}/caller.json`,
    tool: 'run_sql',
    args,
    json: false,
    ...over,
  }
  const code = await runExplain(request, { tools: [sqlTool, sshTool, httpTool], understand }, page.terminal)
  return { code, text: page.text().replaceAll(`${examples}/`, '') }
}

test('an allowed call: which rule, of which policy, where, and what else was looked at', async () => {
  const { code, text } = await run([operation('SELECT', { facts: { tables: ['public.jobs'] } })])
  expect(code).toBe(0)
  expect(text).toMatch(/^allow {2}run_sql on prod-maintenance\n/)
  expect(text).toContain(
    'SELECT: allow, by rule 1 of policy db-maintenance-agents (policies/db-maintenance-agents.yaml:4)',
  )
  expect(text).toContain('    tables: public.jobs\n')
  expect(text).toContain(
    'db-maintenance-agents / 2 (policies/db-maintenance-agents.yaml:6)  no: names DELETE, DROP, UPDATE',
  )
  expect(text).toContain(
    '    cleanup (policies/cleanup.yaml:2)  does not apply: it is not about connection prod-maintenance',
  )
  expect(text).toMatch(/policy version sha256:[0-9a-f]{64}\n$/)
})

test('a gated call: exit code 0, with what reviewers must do', async () => {
  const { code, text } = await run([
    operation('DROP'),
    operation('cascade:public.orders', { because: 'a foreign key\u202e' }),
  ])
  expect(code).toBe(0)
  expect(text).toContain('approval by dba and two-dbas\n    with a reason\n')
  expect(text).toContain('because no rule names this consequence and a person may judge it')
  expect(text).toContain('reported because a foreign key\\u{202e}')
})

test('a denied call: exit code 1, with the message of the rule', async () => {
  const { code, text } = await run([operation('GRANT')])
  expect([code, text.includes('message: Permissions and whole tables in production are changed by hand.')]).toEqual([
    1,
    true,
  ])
})

test('a call that cannot be understood: exit code 1 and what to do', async () => {
  const { code, text } = await run(() => Promise.reject(new GateError('ERR_ARGUMENTS', { detail: 'No statement.' })))
  expect(code).toBe(1)
  expect(text).toContain(
    'refused  The arguments do not fit the tool. No statement. Correct the named fields and call again. (ERR_ARGUMENTS)',
  )
})

test('arguments are text, or JSON after :=', async () => {
  let seen: unknown
  await run(
    async (_, tool, args) => {
      seen = [tool, args]
      return [operation('SELECT')]
    },
    {},
    ['connection=staging', 'sql=SELECT a = $1 FROM x', 'params:=[1, "=" ]'],
  )
  expect(seen).toEqual(['run_sql', { connection: 'staging', sql: 'SELECT a = $1 FROM x', params: [1, '='] }])
})

test('another moment: rules with hours answer as they would then', async () => {
  const callerPath = join(folder, 'support.json')
  await writeFile(callerPath, '{"kind": "app", "roles": ["Support.Tools"]}')
  const update = [operation('UPDATE', { facts: { tables: ['public.orders'] } })]
  const at = async (moment: string) => (await run(update, { callerPath, at: moment }, ['connection=staging'])).text
  const noon = await at('2026-11-18T12:00:00+01:00')
  expect(noon).toContain('UPDATE: require-approval, by rule correct-in-office-hours')
  expect(noon).toContain(
    'no: opens mon-sun 18:00-08:00 Europe/Madrid and sat,sun 08:00-18:00 Europe/Madrid; next at 2026-11-18T17:00',
  )
  expect(await at('2026-11-18T22:00:00+01:00')).toContain('UPDATE: require-approval, by rule correct-at-other-times')
})

test('the same for machines', async () => {
  const { text } = await run([operation('SELECT')], { json: true })
  expect(JSON.parse(text)).toMatchObject({ action: 'allow', operations: [{ operation: 'SELECT', rule: '1' }] })
})

describe('wrong use', () => {
  const never: UnderstandOperations = () => Promise.reject(new TypeError('it must not come to this'))
  test.each([
    ['an unknown tool', { tool: 'run_sqk' }, undefined, /did you mean "run_sql"/],
    ['an unknown connection', {}, ['connection=prod-maintenence'], /did you mean "prod-maintenance"/],
    ['no connection', {}, ['sql=x'], /give connection=NAME/],
    ['a connection that JavaScript brings along', {}, ['connection=constructor'], /give connection=NAME/],
    ['a moment without its offset', { at: '2026-11-20T22:00:00' }, undefined, /--at takes a time with its offset/],
    ['no key', {}, ['SELECT 1'], /key=text or key:=JSON/],
    ['bad JSON', {}, ['connection=staging', 'params:=[1'], /the value of params is not JSON/],
  ] as const)('%s', async (_, over, args, detail) => {
    await expect(run(never, over, args)).rejects.toMatchObject({
      code: 'ERR_ARGUMENTS',
      detail: expect.stringMatching(detail),
    })
  })

  test.each([
    ['{"kind": "robot"}', /:1:10: kind: not an allowed value/],
    [
      '{"kind": "agent", "groups": ["dba-lead"]}',
      /:1:29: no group alias is called "dba-lead" \(did you mean "dba-leads"/,
    ],
    ['{"kind": "agent", "group": []}', /unknown key "group" \(did you mean "groups"/],
  ])('a caller such as %s', async (text, detail) => {
    const callerPath = join(folder, 'caller.json')
    await writeFile(callerPath, text)
    await expect(run(never, { callerPath })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      detail: expect.stringMatching(detail),
    })
  })
})
