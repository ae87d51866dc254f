import { expect, test } from 'vitest'
import { isReachable, reachable } from '../../src/policy/reachable.ts'
import { shellTool, sqlTool } from './judgedTools.ts'
import { caller, context, LEADS, policiesOf, SEED } from './policies.ts'

const connections = [...context.connections].map(([name, { type, labels }]) => ({ name, type, labels }))
const list = (texts: readonly string[], who = caller()) => {
  const policies = policiesOf(texts)
  const listed = reachable(who, connections, [sqlTool, shellTool], policies)
  // A call finds a connection exactly when it is listed.
  for (const connection of connections) {
    for (const tool of [sqlTool, shellTool]) {
      const isListed = listed
        .find((other) => other.connection === connection.name)
        ?.tools.some((other) => other.tool === tool.name)
      expect(isReachable(who, connection, tool, policies)).toBe(isListed ?? false)
    }
  }
  return listed.map(({ connection, tools }) => ({
    connection,
    operations: tools.map(({ tool, operations }) => [
      tool,
      operations.map(({ operation, action, when }) => [operation, action, when]),
    ]),
  }))
}
const head = (name: string, connection = 'prod-maintenance') =>
  `policy: ${name}\nsubjects: { groups: [db-maintenance-agents] }\nconnection: ${connection}\nrules:\n`

test('what rules open, and what is gated', () => {
  expect(list([SEED])).toEqual([
    {
      connection: 'prod-maintenance',
      operations: [
        [
          'run_sql',
          [
            ['SELECT', 'allow', undefined],
            ['DELETE', 'require-approval', undefined],
            ['DROP', 'require-approval', undefined],
            ['UPDATE', 'require-approval', undefined],
          ],
        ],
      ],
    },
  ])
})

test('conditions are shown; what a rule without conditions denies or gates is not promised', () => {
  const rules = [
    `${head('a')}  - { match: { operation: SELECT|DELETE|DROP, tables: [public.jobs] }, action: allow }\n`,
    `${head('b')}  - { match: DELETE, action: require-approval }\n  - { match: DROP, action: deny }\n`,
  ]
  expect(list(rules)).toEqual([
    {
      connection: 'prod-maintenance',
      operations: [
        [
          'run_sql',
          [
            ['SELECT', 'allow', { tables: ['public.jobs'] }],
            ['DELETE', 'require-approval', { tables: ['public.jobs'] }],
            ['DELETE', 'require-approval', undefined],
          ],
        ],
      ],
    },
  ])
})

test('nothing for callers that no policy opens anything for', () => {
  const deny = `policy: d\nsubjects: { kinds: [agent] }\nconnection: staging\nrules:\n  - { match: SELECT, action: deny }\n`
  expect(list([SEED, deny], caller({ groups: { known: true, ids: [LEADS] } }))).toEqual([])
  expect(list([SEED, deny], caller({ groups: { known: false, why: 'overage' } }))).toEqual([])
})

test('a connection shows the tools of its type only', () => {
  expect(list([`${head('a', 'web-1')}  - { match: command, action: allow }\n`])).toEqual([
    { connection: 'web-1', operations: [['ssh_exec', [['command', 'allow', undefined]]]] },
  ])
})

test('a connection is found where something is gated only, and not where all that is opened is denied as well', () => {
  const gated = `${head('a')}  - { match: DELETE, action: require-approval }\n`
  expect(list([gated]).map(({ connection }) => connection)).toEqual(['prod-maintenance'])
  expect(list([gated, `${head('b')}  - { match: DELETE|DROP, action: deny }\n`])).toEqual([])
  const other = { ...caller(), groups: { known: false, why: 'overage' } } as const
  expect(list([gated], other)).toEqual([])
})
