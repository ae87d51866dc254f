import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadPolicies } from '../../src/policy/loadPolicies.ts'
import type { PolicySet } from '../../src/policy/policySet.ts'
import { ConfigError, formatProblem } from '../../src/settings/configError.ts'
import { readBadFiles } from '../settings/badFiles.ts'
import { context, policiesOf, SEED } from './policies.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policies-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function problemsOf(loading: Promise<PolicySet>): Promise<string[]> {
  const error = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigError)) throw new Error('it must not load', { cause: error })
  expect(error.code).toBe('ERR_CONFIG')
  return error.problems.map((problem) => formatProblem(problem).replace(`${folder}/`, ''))
}

describe('a policy file with a mistake stops the load and says where', () => {
  test.each(readBadFiles(new URL('badPolicies.txt', import.meta.url)))('$name', async ({ name, text, problems }) => {
    const file = join(folder, `${name}.yaml`)
    await writeFile(file, text)
    expect(await problemsOf(loadPolicies([file], context))).toEqual(problems.map((line) => `${name}.yaml:${line}`))
  })

  test('bytes that are not UTF-8, files that are too large, deep or absent', async () => {
    const file = (name: string) => join(folder, name)
    await writeFile(file('bytes.yaml'), Buffer.from([0x70, 0x3a, 0x20, 0xff]))
    await writeFile(file('large.yaml'), `policy: ${'x'.repeat(1024 * 1024)}`)
    await writeFile(file('deep.yaml'), `policy: ${'['.repeat(20_000)}`)
    expect(await problemsOf(loadPolicies(['bytes.yaml', 'large.yaml', 'none.yaml'].map(file), context))).toEqual([
      'bytes.yaml:1:1: the file is not valid UTF-8',
      'large.yaml:1:1: the file is larger than 1 MiB',
      'none.yaml:1:1: no such file',
    ])
    expect((await problemsOf(loadPolicies([file('deep.yaml')], context)))[0]).toMatch(/^deep\.yaml:\d+:\d+: /)
  })

  test('every file is read before anything is said', async () => {
    await writeFile(join(folder, 'a.yaml'), SEED.replace('SELECT', 'SLECT'))
    await writeFile(join(folder, 'b.yaml'), SEED.replace('record', 'recrod'))
    await writeFile(join(folder, 'c.yaml'), SEED)
    await writeFile(join(folder, 'd.yaml'), SEED)
    const problems = await problemsOf(
      loadPolicies(
        ['a', 'b', 'c', 'd'].map((name) => join(folder, `${name}.yaml`)),
        context,
      ),
    )
    expect(problems.map((line) => line.split(' ')[0])).toEqual(['a.yaml:4:12:', 'b.yaml:8:1:', 'd.yaml:1:9:'])
    expect(problems[2]).toContain('the policy "db-maintenance-agents" exists already')
  })

  test('no message repeats a value: it may be a secret in the wrong place', async () => {
    const secret = 'hunter2-hunter2'
    const texts = [
      `policy: "${secret} x"`,
      `policy: p\nconnection: [${secret}]`,
      `policy: p\nrules: ${secret}: x`,
      `policy: p\nrules: "${secret}`,
      `policy: p\nrules: !${secret} x`,
      `policy: p\nrules:\n  - match: SELECT\n    action: ${secret}`,
      `policy: p\nrules: @${secret}`,
      `policy: p\nrules: >${secret}\n x`,
      `policy: p\nrules: "\\q${secret}"`,
    ]
    for (const text of texts) {
      const file = join(folder, 'secret.yaml')
      await writeFile(file, text)
      expect((await problemsOf(loadPolicies([file], context))).join('\n')).not.toContain('hunter2')
    }
  })
})

describe('what is probably a mistake is a warning', () => {
  const warnings = (text: string, over = {}) => policiesOf([text], over).warnings.map(formatProblem)

  test('a name that is no group alias', () => {
    expect(warnings(SEED.replace('db-maintenance-agents', 'cleanup'))).toEqual([
      '1.yaml:1:9: no group alias is called "cleanup", so this policy binds to the app role of that name only',
    ])
  })

  test('a gate that nobody can open', () => {
    expect(warnings(SEED, { defaultReviewers: undefined })).toEqual([
      '1.yaml:6:5: nobody can approve this: the rule names no reviewers, and approvals.defaultReviewers is not set',
    ])
  })

  test('labels that no connection has', () => {
    expect(warnings(SEED.replace('connection: prod-maintenance', 'connections: [{ labels: { env: dev } }]'))).toEqual([
      '1.yaml:2:15: no connection has these labels',
    ])
  })

  test('the seed as it stands gives none', () => {
    expect(warnings(SEED)).toEqual([])
  })
})

describe('the version of a policy set', () => {
  const version = (...texts: string[]) => policiesOf(texts).version
  const base = version(SEED)
  const other = SEED.replace('db-maintenance-agents', 'other')

  test.each([
    ['a comment', `# why\n${SEED}# end\n`],
    [
      'the order of keys',
      'record: true\nrules:\n  - { action: allow, match: SELECT }\n  - { action: require-approval, match: DELETE|DROP|UPDATE }\nconnection: prod-maintenance\npolicy: db-maintenance-agents\n',
    ],
    ['the spelling of a match', SEED.replace('DELETE|DROP|UPDATE', '{ operation: [UPDATE, DELETE|DROP] }')],
    ['a list of one connection', SEED.replace('connection: prod-maintenance', 'connections: [prod-maintenance]')],
  ])('does not change with %s', (_, text) => {
    expect(version(text)).toBe(base)
  })

  test.each([
    ['an action', SEED.replace('allow', 'require-approval')],
    ['an operation', SEED.replace('|DROP', '')],
    ['record', SEED.replace('record: true', 'record: false')],
    ['a message', SEED.replace('action: allow', 'action: allow\n    message: Hello.')],
    ['a condition', SEED.replace('match: SELECT', 'match: { operation: SELECT, tables: [a.b] }')],
    ['terms', SEED.replace('action: require-approval', 'action: require-approval\n    approval: { ttl: 1h }')],
    ['subjects', `${SEED}subjects: { groups: [dba-leads] }`],
  ])('changes with %s', (_, text) => {
    expect(version(text)).not.toBe(base)
  })

  test('changes with the group behind an alias and with the default reviewers', () => {
    const groups = new Map([['db-maintenance-agents', '6f1c1b3e-0000-4000-8000-0000000000cc']])
    expect(policiesOf([SEED], { groups }).version).not.toBe(base)
    expect(policiesOf([SEED], { defaultReviewers: 'platform' }).version).not.toBe(base)
  })

  test('does not change with the order or names of files', () => {
    expect(version(SEED, other)).toBe(version(other, SEED))
  })
})
