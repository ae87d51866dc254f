import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig, policyContextOf } from '../../src/config/loadConfig.ts'
import { secretsOf } from '../../src/config/secretsOf.ts'
import { ConfigError, formatProblem } from '../../src/settings/configError.ts'
import { readBadFiles } from '../settings/badFiles.ts'
import { MINIMAL } from './configs.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'))
  await mkdir(join(folder, 'policies'))
  await writeFile(join(folder, 'policies', 'a.yaml'), 'policy: a')
})
afterAll(() => rm(folder, { recursive: true }))

async function write(text: string, name = 'countersign.yaml'): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

async function problemsOf(path: string): Promise<string[]> {
  const error = await loadConfig(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigError)) throw new Error('it must not load', { cause: error })
  expect(error.code).toBe('ERR_CONFIG')
  return error.problems.map((problem) => formatProblem(problem).replace(`${folder}/`, ''))
}

describe('a configuration with a mistake stops the start and says where', () => {
  test.each(readBadFiles(new URL('badConfigs.txt', import.meta.url)))('$name', async ({ name, text, problems }) => {
    const path = await write(text, `${name}.yaml`)
    expect(await problemsOf(path)).toEqual(problems.map((line) => `${name}.yaml:${line}`))
  })

  test('no message repeats the value of a misplaced secret', async () => {
    const secret = 'hunter2-hunter2'
    for (const text of [
      MINIMAL.replace('{ env: PROD_RO }', secret),
      MINIMAL.replace('{ env: PROD_RO }', `[${secret}]`),
      MINIMAL.replace('{ env: PROD_RO }', `{ env: "${secret} " }`),
      MINIMAL.replace('{ env: PROD_RO }', `{ env: { a: ${secret} } }`),
      MINIMAL.replace('{ env: PROD_RO }', `"${secret}`),
      MINIMAL.replace('type: postgres', `type: ${secret}`),
    ]) {
      expect((await problemsOf(await write(text, 'secret.yaml'))).join('\n')).not.toContain('hunter2')
    }
  })
})

describe('a configuration that loads', () => {
  test('has the documented defaults, in milliseconds and bytes', async () => {
    const config = await loadConfig(await write(MINIMAL))
    expect(config.server).toEqual({
      listen: { host: '127.0.0.1', port: 8787 },
      publicUrl: 'http://127.0.0.1:8787/mcp',
      allowedHosts: ['127.0.0.1', 'localhost', '[::1]'],
      allowedOrigins: [],
      insecureLoopback: false,
    })
    expect(config.connections.prod).toMatchObject({
      port: 5432,
      tls: { mode: 'verify-full' },
      limits: { statementTimeout: 30_000, maxRows: 1000, maxBytes: 1_048_576 },
      predicates: 'approve',
    })
    expect(config.approvals).toMatchObject({ inlineWait: 45_000, ttl: 14_400_000, claimWithin: 3_600_000 })
  })

  test('has absolute paths, relative to the file that names them', async () => {
    const config = await loadConfig(
      await write(
        MINIMAL.replace('{ env: PROD_RO }', '{ file: secrets/ro }')
          .replace('database: app', 'database: app\n    tls: { mode: verify-full, ca: ca.pem }')
          .concat('audit: { dir: trail, signingKey: { file: /run/secrets/audit.key } }\n'),
      ),
    )
    expect(config.connections.prod).toMatchObject({
      read: { password: { file: join(folder, 'secrets/ro') } },
      tls: { ca: join(folder, 'ca.pem') },
    })
    expect(config.approvals.store).toEqual({ sqlite: join(folder, 'var/a.db') })
    expect(config.audit).toMatchObject({ dir: join(folder, 'trail'), signingKey: { file: '/run/secrets/audit.key' } })
  })

  test('cannot be changed, at any depth', async () => {
    const config = await loadConfig(await write(MINIMAL))
    expect(() => Object.assign(config, { policyFiles: [] })).toThrow(TypeError)
    expect(() => Object.assign(config.connections.prod ?? {}, { host: 'x' })).toThrow(TypeError)
    expect(() => Object.assign(config.approvals.reviewers.dba?.groups ?? [], { 0: 'x' })).toThrow(TypeError)
  })

  test('finds policies by pattern, sorted, without their tests', async () => {
    const policies = join(folder, 'policies')
    await writeFile(join(policies, 'b.yaml'), '')
    await writeFile(join(policies, 'b.test.yaml'), '')
    await writeFile(join(policies, '.hidden.yaml'), '')
    await mkdir(join(policies, 'folder.yaml'))
    const config = await loadConfig(await write(MINIMAL.replace('[policies/*.yaml]', '[policies/b.yaml, "p*/*.yaml"]')))
    expect(config.policyFiles).toEqual([join(policies, 'b.yaml'), join(policies, 'a.yaml')])
    await rm(join(policies, 'b.yaml'))
    await rm(join(policies, 'folder.yaml'), { recursive: true })
  })

  test('listens beyond loopback only with a public https URL and its hosts', async () => {
    const server =
      'server: { listen: "0.0.0.0:8787", publicUrl: https://gate.corp.example/mcp, allowedHosts: [Gate.corp.example] }\n'
    const config = await loadConfig(await write(server + MINIMAL))
    expect(config.server).toMatchObject({ listen: { host: '0.0.0.0' }, allowedHosts: ['gate.corp.example'] })
  })

  test('behind a proxy on the same machine, only the public host is allowed by default', async () => {
    const config = await loadConfig(await write(`server: { publicUrl: https://gate.corp.example/mcp }\n${MINIMAL}`))
    expect(config.server.allowedHosts).toEqual(['gate.corp.example'])
  })

  test('gives policies every name they may use, and none that JavaScript brings along', async () => {
    const context = policyContextOf(await loadConfig(await write(MINIMAL)), [])
    expect([context.groups.get('dba-leads'), context.groups.get('constructor')]).toEqual([
      '6f1c1b3e-0000-4000-8000-0000000000bb',
      undefined,
    ])
    expect(context).toMatchObject({ reviewers: ['dba'], defaultReviewers: 'dba', providers: ['entra'] })
    expect(context.connections.get('prod')).toMatchObject({ type: 'postgres', labels: {} })
  })
})

test('labels named env or file are labels, not secret references', () => {
  const connections = {
    a: { read: { password: { env: 'PW' } }, labels: { env: 'prod' } },
    b: { labels: { file: 'x' } },
  }
  expect(secretsOf({ connections }).map(({ path }) => path)).toEqual(['connections.a.read.password'])
})
