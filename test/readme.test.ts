import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { loadGate } from '../src/config/liveConfig.ts'
import { createRunSql } from '../src/tools/run_sql/tool.ts'

const readme = readFileSync('README.md', 'utf8')
const pages = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...readdirSync('docs')
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

test('the README begins with the two commands that a fresh machine needs', () => {
  expect(readme).toContain('npm ci && npm start')
  expect(readme).toContain('npm ci && npm test')
})

test('every promise of the README names tests, and they exist', () => {
  const promises = readme.split('\n').filter((line) => line.startsWith('| **'))
  expect(promises).toHaveLength(7)
  for (const promise of promises) {
    const named = [...promise.matchAll(/`(test\/[^`]+\.test\.ts)`: (.+?)(?=<br>| \|$)/g)]
    expect(named.length).toBeGreaterThan(0)
    for (const [, file = '', title = ''] of named) {
      const titles = [...readFileSync(file, 'utf8').matchAll(/(?:test|describe)[^(\n]*(?:\(\w+\))?\((['"])(.+?)\1,/g)]
      expect({ file, titles: titles.map(([, , text]) => text) }).toMatchObject({
        titles: expect.arrayContaining([title]),
      })
    }
  }
})

const [config = '', policy = ''] = yamlIn('README.md')

test('the configuration and the policy of the README load without a warning', async () => {
  const { policies } = await gateOf(config, policy)
  expect(policies.warnings).toEqual([])
  expect(policies.policies.map(({ rules }) => rules.length)).toEqual([2])
})

test('the policy that docs/run-sql.md begins with loads without a warning', async () => {
  const cautious = yamlIn('docs/run-sql.md').find((text) => text.startsWith('policy:')) ?? ''
  const { policies } = await gateOf(config, cautious)
  expect(policies.warnings).toEqual([])
  expect(policies.policies.map(({ rules }) => rules.length)).toEqual([6])
})

test('the identity providers of docs/identity.md load', async () => {
  const [entra = '', others = ''] = yamlIn('docs/identity.md')
  const withIdentity = (identity: string) => config.replace(/^identity:\n( .*\n)+/m, identity)
  const reviewers = 'reviewerApp: { provider: okta, clientId: reviewers }'
  const one = await gateOf(withIdentity(entra), policy)
  const three = await gateOf(withIdentity(others).replace(/reviewerApp: \{.*\}/, reviewers), policy)
  expect(one.config.identity.map(({ name }) => name)).toEqual(['entra'])
  expect(three.config.identity.map(({ name }) => name)).toEqual(['okta', 'auth0', 'keycloak'])
})

test('links between pages lead to files and headings that exist', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target))
      .map((target) => `${page}: ${target}`),
  )
  expect(broken).toEqual([])
})

function yamlIn(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
}

async function gateOf(configText: string, policyText: string) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  try {
    mkdirSync(join(folder, 'policies'))
    writeFileSync(join(folder, 'countersign.yaml'), configText)
    writeFileSync(join(folder, 'policies', 'policy.yaml'), policyText)
    const { tool } = createRunSql({ readSecret: () => Promise.resolve(''), connections: () => ({}) })
    return await loadGate(join(folder, 'countersign.yaml'), [tool])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : normalize(join(dirname(page), path))
  if (anchor === undefined) return exists(file)
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return headings.includes(anchor)
}

function exists(path: string): boolean {
  const parent = dirname(path)
  const name = path.slice(parent === '.' ? 0 : parent.length + 1).replace(/\/$/, '')
  return readdirSync(parent).includes(name)
}
