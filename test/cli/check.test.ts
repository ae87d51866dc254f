import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createReadSecret, inspectSecret } from '../../src/adapters/secrets.ts'
import { type CheckParts, runCheck } from '../../src/cli/check.ts'
import { GateError } from '../../src/errors.ts'
import { MINIMAL } from '../config/configs.ts'
import { sqlTool } from '../policy/judgedTools.ts'
import { createPage } from './page.ts'

const POLICY = 'policy: dba-leads\nconnection: prod\nrules:\n  - { match: SELECT, action: allow }\n'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-'))
  await mkdir(join(folder, 'policies'))
  await writeFile(join(folder, 'policies/a.yaml'), POLICY)
})
afterEach(() => rm(folder, { recursive: true }))

async function check(config: string, over: Partial<CheckParts> = {}, json = false) {
  await writeFile(join(folder, 'countersign.yaml'), config)
  const page = createPage()
  const code = await runCheck(
    { configPath: join(folder, 'countersign.yaml'), json },
    {
      tools: [sqlTool],
      readSecret: createReadSecret({ PROD_RO: 'hunter2' }),
      inspectSecret,
      selfTests: () => [],
      ...over,
    },
    page.terminal,
  )
  return { code, text: page.text().replaceAll(`${folder}/`, '') }
}

test('a configuration that would work: exit code 0', async () => {
  const { code, text } = await check(MINIMAL)
  expect(code).toBe(0)
  expect(text).toContain('ok       countersign.yaml: 1 policy, 1 rule, 1 connection; policy version sha256:')
  expect(text).toContain('ok       connections.prod.read.password: can be read')
  expect(text).toMatch(/\n0 errors, 0 warnings\n$/)
  expect(text).not.toContain('hunter2')
})

test('a file that does not load: every problem with its place, exit code 2, nothing is connected to', async () => {
  const selfTests = () => {
    throw new TypeError('it must not come to this')
  }
  const { code, text } = await check(MINIMAL.replace('database', 'databse'), { selfTests })
  expect(code).toBe(2)
  expect(text).toContain('error    countersign.yaml:12:5: connections.prod: unknown key "databse"')
  expect(text).toMatch(/\n2 errors, 0 warnings\n$/)
})

test('a policy that does not load: exit code 2', async () => {
  await writeFile(join(folder, 'policies/a.yaml'), POLICY.replace('SELECT', 'SELEKT'))
  const { code, text } = await check(MINIMAL)
  expect([code, text.includes('error    policies/a.yaml:4:14: ')]).toEqual([2, true])
})

test('an escalation that comes after the end is a warning, at the rule or at the setting that says it', async () => {
  const gated = (terms: string) => `${POLICY}  - { match: DELETE, action: require-approval, approval: { ${terms} } }\n`
  const config = MINIMAL.replace('approvals:\n', 'approvals:\n  escalation: { after: 10m, to: dba }\n')
  const warned = async (terms: string, text = config) => {
    await writeFile(join(folder, 'policies/a.yaml'), gated(terms))
    const { text: told } = await check(text)
    return told.split('\n').filter((line) => line.includes('expires before it moves'))
  }
  expect(await warned('ttl: 1h')).toEqual([])
  expect(await warned('ttl: 10m, escalation: none')).toEqual([])
  expect(await warned('ttl: 10m')).toEqual([expect.stringContaining('warning  policies/a.yaml:5:5: ')])
  expect(await warned('escalation: { after: 4h, to: dba }')).toEqual([expect.stringContaining('moves to dba')])
  const late = config.replace('after: 10m', 'after: 5h')
  expect(await warned('preview: wanted', late)).toEqual([expect.stringContaining('warning  approvals.escalation: ')])
})

test('a secret that cannot be read: exit code 1, by its reference only', async () => {
  const { code, text } = await check(MINIMAL, { readSecret: createReadSecret({}) })
  expect(code).toBe(1)
  expect(text).toContain(
    'error    connections.prod.read.password: A secret that the configuration refers to cannot be read.',
  )
  expect(text).toContain('The environment variable PROD_RO is not set.')
})

test('targets speak for themselves, and a raw failure is not repeated', async () => {
  const { code, text } = await check(MINIMAL, {
    selfTests: ({ config }) => [
      {
        about: `connections.${Object.keys(config.connections)[0]}`,
        run: async () => [{ level: 'warning', about: 'role gate_ro', message: 'is a superuser' }],
      },
      { about: 'a', run: () => Promise.reject(new GateError('ERR_TARGET_UNAVAILABLE')) },
      { about: 'b', run: () => Promise.reject(new Error('password hunter2 is wrong')) },
    ],
  })
  expect(code).toBe(1)
  expect(text).toContain('warning  role gate_ro: is a superuser')
  expect(text).toContain('error    a: The target could not be reached.')
  expect(text).toContain('error    b: failed for a reason that is not safe to show')
  expect(text).not.toContain('hunter2')
})

test('what loads and is probably not meant is a warning, and exit code 0', async () => {
  await writeFile(
    join(folder, 'policies/a.yaml'),
    'policy: cleanup\nconnections: [{ labels: { env: x } }]\nrules:\n  - { match: DELETE, action: require-approval }\n',
  )
  const config = `server: { insecureLoopback: true }\n${MINIMAL.replace('  defaultReviewers: dba\n', '')}`
  const { code, text } = await check(config)
  expect(code).toBe(0)
  for (const warning of [
    'policies/a.yaml:1:9: no group alias is called "cleanup"',
    'policies/a.yaml:2:15: no connection has these labels',
    'policies/a.yaml:4:5: nobody can approve this',
    'server.insecureLoopback: tokens and keys travel over plain http',
    'approvals.reviewerApp: not set, so nobody can vote',
    'connections.prod: no policy is about this connection',
  ]) {
    expect(text).toContain(`warning  ${warning}`)
  }
  expect(text).toMatch(/\n0 errors, 6 warnings\n$/)
})

test('a secret file that everybody can read is a warning', async () => {
  await writeFile(join(folder, 'secret'), 'x', { mode: 0o644 })
  const { code, text } = await check(MINIMAL.replace('{ env: PROD_RO }', '{ file: secret }'))
  expect([code, text.includes('warning  connections.prod.read.password: every user of this machine')]).toEqual([
    0,
    true,
  ])
})

test('findings are there for machines too', async () => {
  const { text } = await check(MINIMAL, {}, true)
  expect(JSON.parse(text)).toMatchObject({ findings: [{ level: 'ok', about: 'countersign.yaml' }, { level: 'ok' }] })
})
