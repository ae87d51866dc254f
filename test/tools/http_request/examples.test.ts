import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadGate } from '../../../src/config/liveConfig.ts'
import { policyTest } from '../../../src/offline.ts'
import { openTools } from '../../../src/tools/openTools.ts'
import { createPage } from '../../cli/page.ts'

const examples = new URL('../../../examples', import.meta.url).pathname

/** Calls as an agent makes them, judged by the tool itself, and what the examples must decide. */
const CALLS = `
  - name: GitHub, staging
    connection: github-shop
    arguments: { method: POST, path: actions/workflows/deploy.yaml/dispatches, body: { ref: main, inputs: { environment: staging, version: "1.2.3" } } }
    expect: { action: allow, rule: staging }
  - name: GitHub, production
    connection: github-shop
    arguments: { method: POST, path: /actions/workflows/deploy.yaml/dispatches, body: '{"ref":"main","inputs":{"environment":"production"}}' }
    expect: { action: require-approval, rule: production, reviewers: [two-dbas] }
  - name: GitHub, staging with an input more
    connection: github-shop
    arguments: { method: POST, path: actions/workflows/deploy.yaml/dispatches, body: { ref: main, inputs: { environment: staging, script: x } } }
    expect: deny
  - name: GitHub, runs
    connection: github-shop
    arguments: { method: GET, path: actions/runs, query: { status: failure, per_page: "5" } }
    expect: allow
  - name: Azure DevOps, staging
    connection: azure-devops-shop
    arguments: { method: POST, path: pipelines/12/runs, query: { api-version: "7.1" }, body: { templateParameters: { environment: staging }, resources: { repositories: { self: { refName: refs/heads/main } } } } }
    expect: { action: allow, rule: staging }
  - name: Azure DevOps, production
    connection: azure-devops-shop
    arguments: { method: POST, path: pipelines/12/runs, query: { api-version: "7.1" }, body: { templateParameters: { environment: production }, resources: { repositories: { self: { refName: refs/heads/main } } } } }
    expect: { action: require-approval, rule: production }
  - name: Azure DevOps, skipping a stage
    connection: azure-devops-shop
    arguments: { method: POST, path: pipelines/12/runs, query: { api-version: "7.1" }, body: { templateParameters: { environment: staging }, resources: { repositories: { self: { refName: refs/heads/main } } }, StagesToSkip: [checks] } }
    expect: { action: deny, rule: no-skipping }
  - name: Jenkins, staging
    connection: jenkins
    arguments: { method: POST, path: job/deploy-shop/buildWithParameters, query: { ENVIRONMENT: staging } }
    expect: { action: allow, rule: staging }
  - name: Jenkins, production
    connection: jenkins
    arguments: { method: POST, path: job/deploy-shop/buildWithParameters, query: { ENVIRONMENT: production, VERSION: "1.2.3" } }
    expect: { action: require-approval, rule: production }
  - name: Jenkins, production in a form
    connection: jenkins
    arguments: { method: POST, path: job/deploy-shop/buildWithParameters, query: { ENVIRONMENT: staging }, headers: { content-type: application/x-www-form-urlencoded }, body: ENVIRONMENT=production }
    expect: deny
  - name: Jenkins, the script console
    connection: jenkins
    arguments: { method: POST, path: job/../scriptText, body: "println 1" }
    expect: { action: deny, rule: never }
`

test('the examples for CI decide about real calls as they promise', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-examples-'))
  const calls = CALLS.replaceAll('    connection:', '    caller: agent\n    connection:')
  const head = `config: ${examples}/countersign.yaml\ncallers:\n  agent: { kind: agent, groups: [release-agents] }\ntests:`
  await writeFile(join(folder, 'ci.test.yaml'), head + calls)
  const page = createPage()
  const code = await policyTest({ folder, json: false }, page.terminal)
  await rm(folder, { recursive: true })
  expect(page.text()).toMatch(/\n11 passed, 0 failed\n$/)
  expect(code).toBe(0)
})

test('the connection and the policy of docs/http-request.md load without a warning', async () => {
  const page = await readFile(new URL('../../../docs/http-request.md', import.meta.url), 'utf8')
  const [connections = '', policy = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text)
  const example = await readFile(join(examples, 'countersign.yaml'), 'utf8')
  const config = example.replace(/^connections:\n(?: .*\n)+/m, connections)
  const folder = await mkdtemp(join(tmpdir(), 'countersign-docs-'))
  await mkdir(join(folder, 'policies'))
  await writeFile(join(folder, 'countersign.yaml'), config)
  await writeFile(join(folder, 'policies', 'release-agents.yaml'), policy)
  const parts = { readSecret: async () => '', alsoSecret: () => {}, connections: () => ({}) }
  const { policies, config: loaded } = await loadGate(join(folder, 'countersign.yaml'), openTools(parts).tools)
  await rm(folder, { recursive: true })
  expect(policies.warnings).toEqual([])
  expect(policies.policies[0]?.rules.map(({ name }) => name)).toEqual([
    'look',
    'staging',
    'production',
    'administration',
  ])
  expect(Object.keys(loaded.connections)).toEqual(['deploy-api'])
})
