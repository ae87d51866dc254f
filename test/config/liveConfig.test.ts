import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Gate, type LiveConfig, loadGate, startLiveConfig } from '../../src/config/liveConfig.ts'
import { sqlTool } from '../policy/judgedTools.ts'
import { MINIMAL } from './configs.ts'

const POLICY = 'policy: dba-leads\nconnection: prod\nrules:\n  - { match: SELECT, action: allow }\n'

let folder = ''
let live: LiveConfig
const write = (name: string, text: string) => writeFile(join(folder, name), text)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'live-'))
  await mkdir(join(folder, 'policies'))
  await write('countersign.yaml', MINIMAL)
  await write('policies/a.yaml', POLICY)
  live = startLiveConfig(await loadGate(join(folder, 'countersign.yaml'), [sqlTool]), [sqlTool])
})
afterEach(() => rm(folder, { recursive: true }))

test('a reload takes over policies, connections and new aliases together', async () => {
  const before = live.current()
  await write(
    'countersign.yaml',
    MINIMAL.replace('  prod:', '  prod-2:').replace(
      'groups:\n',
      'groups:\n  new: 6f1c1b3e-0000-4000-8000-0000000000cc\n',
    ),
  )
  await write('policies/a.yaml', POLICY.replace('connection: prod', 'connection: prod-2\nsubjects: { groups: [new] }'))
  const reloaded = await live.reload()
  expect(reloaded).toMatchObject({ ok: true, before: { policies: { version: before.policies.version } } })
  expect(Object.keys(live.current().config.connections)).toEqual(['prod-2'])
  expect(live.current().policies.version).not.toBe(before.policies.version)
})

test.each([
  ['a policy that does not load', 'policies/a.yaml', POLICY.replace('SELECT', 'SELEKT'), /did you mean "SELECT"/],
  ['a configuration that does not load', 'countersign.yaml', `${MINIMAL}x: 1\n`, /unknown key "x"/],
  [
    'a connection that a policy still names',
    'countersign.yaml',
    MINIMAL.replace('  prod:', '  prod-2:'),
    /no connection is called "prod"/,
  ],
  [
    'a part that needs a restart',
    'countersign.yaml',
    MINIMAL.replace('dba: {', 'dba: { atLeast: 2,'),
    /"approvals" has changed, which needs a restart/,
  ],
  [
    'an alias that now means another group',
    'countersign.yaml',
    MINIMAL.replace('0000000000bb', '0000000000cc'),
    /"groups" has changed/,
  ],
])('%s leaves the old one in force and says so', async (_, name, text, message) => {
  const before = live.current()
  await write(name, text)
  const reloaded = await live.reload()
  if (reloaded.ok) throw new Error('it must not load')
  expect(reloaded.problems.map((problem) => problem.message).join('\n')).toMatch(message)
  expect(live.current()).toBe(before)
})

test('reloads happen one after the other, so a slow old reading never replaces a newer one', async () => {
  const gate = live.current()
  const asked: ((loaded: Gate) => void)[] = []
  const slow = startLiveConfig(gate, [sqlTool], () => new Promise((resolve) => asked.push(resolve)))
  const reloads = [slow.reload(), slow.reload()]
  const answers = ['first', 'second'].map((version) => ({ ...gate, policies: { ...gate.policies, version } }))
  const [first = gate, second = gate] = answers
  // Were both readings under way at once, the newer one could be answered first.
  await new Promise((resolve) => setImmediate(resolve))
  asked[1]?.(second)
  asked[0]?.(first)
  await reloads[0]
  expect(slow.current().policies.version).toBe('first')
  await new Promise((resolve) => setImmediate(resolve))
  asked[1]?.(second)
  await reloads[1]
  expect(slow.current().policies.version).toBe('second')
})
