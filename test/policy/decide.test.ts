import { describe, expect, test } from 'vitest'
import type { Decision } from '../../src/call.ts'
import { decide, strictest } from '../../src/policy/decide.ts'
import { AGENTS, call, caller, LEADS, operation, policiesOf, SEED } from './policies.ts'

const seed = policiesOf([SEED])
const answer = ({ action, verdicts }: Decision) => [action, verdicts.map(({ action, reason }) => `${action} ${reason}`)]

describe('the seed policy, word for word', () => {
  test.each([
    ['a read is allowed', ['SELECT'], 'allow', ['allow rule-matched']],
    ['a listed write is gated', ['DELETE'], 'require-approval', ['require-approval rule-matched']],
    [
      'each of the alternatives counts',
      ['DROP', 'UPDATE'],
      'require-approval',
      ['require-approval rule-matched', 'require-approval rule-matched'],
    ],
    ['what no rule names is denied', ['INSERT'], 'deny', ['deny no-rule-matched']],
    ['a part of a name is not the name', ['SELECT INTO'], 'deny', ['deny no-rule-matched']],
    ['names are compared exactly', ['select'], 'deny', ['deny no-rule-matched']],
    [
      'one uncovered operation denies the call',
      ['SELECT', 'GRANT'],
      'deny',
      ['allow rule-matched', 'deny no-rule-matched'],
    ],
    ['a call that does nothing known is denied', [], 'deny', ['deny no-operations']],
  ])('%s', (_, operations, action, verdicts) => {
    expect(answer(decide(call(operations), seed))).toEqual([action, verdicts])
  })

  test('the verdict names policy, rule and place, and the masked output is recorded', () => {
    const decision = decide(call(['DELETE']), seed)
    expect(decision.verdicts[0]).toMatchObject({ policy: 'db-maintenance-agents', rule: '2', source: '1.yaml:6' })
    expect(decision).toMatchObject({ record: true, policyVersion: seed.version })
    expect(decision.approval).toEqual({
      reviewers: ['dba'],
      ttlMs: undefined,
      preview: 'wanted',
      maxRows: undefined,
      reason: 'optional',
    })
  })

  test('it binds to the app role of its name too, because service principals have no groups', () => {
    const robot = caller({ groups: { known: false, why: 'not-in-token' }, roles: ['db-maintenance-agents'] })
    expect(decide(call(['SELECT'], { caller: robot }), seed).action).toBe('allow')
  })

  test.each([
    ['another group', { groups: { known: true, ids: [LEADS] } } as const, 'no-policy-bound'],
    ['no group', { groups: { known: true, ids: [] } } as const, 'no-policy-bound'],
    ['groups that are not known', { groups: { known: false, why: 'overage' } } as const, 'groups-unknown'],
    [
      'a group whose name, not id, is the alias',
      { groups: { known: true, ids: ['db-maintenance-agents'] } } as const,
      'no-policy-bound',
    ],
  ])('a caller with %s is denied', (_, over, reason) => {
    expect(answer(decide(call(['SELECT'], { caller: caller(over) }), seed))).toEqual(['deny', [`deny ${reason}`]])
  })

  test('another connection is denied, and nothing there is recorded for it', () => {
    const decision = decide(call(['SELECT'], { connection: { name: 'staging', labels: {} } }), seed)
    expect(decision).toMatchObject({ action: 'deny', record: false })
  })

  test('another tool is denied: the rules speak about the tools of the connection', () => {
    expect(decide(call(['SELECT'], { tool: 'ssh_exec' }), seed).action).toBe('deny')
  })
})

const policy = (rules: string, head = 'policy: db-maintenance-agents\nconnection: prod-maintenance') =>
  `${head}\nrules:\n${rules}`

describe('the strictest rule wins', () => {
  const gateAll = policy(
    '  - { match: SELECT, action: allow }\n  - { name: hr, match: { operation: SELECT, schemas: [hr] }, action: require-approval }\n  - { name: never, match: { tables: [public.secrets] }, action: deny, message: Ask security. }',
  )
  const set = policiesOf([gateAll])

  test('a rule that touches any denied table wins over an allow, with its message', () => {
    const decision = decide(
      call([operation('SELECT', { facts: { tables: ['public.jobs', 'public.secrets'], schemas: ['public'] } })]),
      set,
    )
    expect(decision.verdicts[0]).toMatchObject({ action: 'deny', rule: 'never', message: 'Ask security.' })
  })

  test('an opening rule must cover everything that the operation touches', () => {
    const narrow = policiesOf([policy('  - { match: { operation: SELECT, tables: [public.jobs] }, action: allow }')])
    const read = (tables: string[]) => decide(call([operation('SELECT', { facts: { tables } })]), narrow).action
    expect([read(['public.jobs']), read(['public.jobs', 'public.users'])]).toEqual(['allow', 'deny'])
  })

  test('an inherited property of the facts is no fact', () => {
    const required = policiesOf([policy('  - { match: { operation: DELETE, where: required }, action: allow }')])
    const facts = Object.create({ where: 'present' }) as Record<string, string>
    expect(decide(call([operation('DELETE', { facts })]), required).action).toBe('deny')
  })

  test('a deny of any bound policy beats the allow of another', () => {
    const central = policy(
      '  - { match: SELECT, action: deny }',
      'policy: freeze\nsubjects: { kinds: [agent] }\nconnections: { labels: { env: prod } }',
    )
    expect(decide(call(['SELECT']), policiesOf([SEED, central])).action).toBe('deny')
    expect(decide(call(['SELECT']), policiesOf([central, SEED])).action).toBe('deny')
  })
})

describe('a gate over a part of what another rule allows', () => {
  const set = policiesOf([
    policy(
      '  - { match: SELECT, action: allow }\n  - { name: hr, match: { operation: SELECT, tables: [hr.salaries] }, action: require-approval, approval: { reviewers: platform } }',
    ),
  ])
  const read = (tables: readonly string[], policies = set) =>
    decide(call([operation('SELECT', { facts: { tables } })]), policies)

  test('holds back a query that joins the gated table with an open one', () => {
    expect(read(['public.jobs', 'hr.salaries'])).toMatchObject({
      action: 'require-approval',
      verdicts: [{ rule: 'hr' }],
      approval: { reviewers: ['platform'] },
    })
    expect(read(['public.jobs']).action).toBe('allow')
  })

  test('opens nothing beyond what it covers', () => {
    const alone = policiesOf([
      policy('  - { match: { operation: SELECT, tables: [hr.salaries] }, action: require-approval }'),
    ])
    expect(read(['hr.salaries'], alone).action).toBe('require-approval')
    expect(read(['public.jobs', 'hr.salaries'], alone).action).toBe('deny')
  })
})

describe('groups that are not known', () => {
  const unknown = caller({ groups: { known: false, why: 'overage' } })
  const forbid = policy(
    '  - { match: SELECT, action: deny }',
    'policy: contractors\nsubjects: { groups: [dba-leads] }\nconnection: prod-maintenance',
  )
  const open = policy(
    '  - { match: SELECT|DELETE, action: allow }',
    'policy: by-app\nsubjects: { apps: [6F1C1B3E-0000-4000-8000-000000000010] }\nconnection: prod-maintenance',
  )

  test('a deny rule for a group matches a caller who might be in it', () => {
    expect(decide(call(['SELECT'], { caller: unknown }), policiesOf([open, forbid])).verdicts[0]).toMatchObject({
      action: 'deny',
      policy: 'contractors',
    })
    expect(decide(call(['SELECT']), policiesOf([open, forbid])).action).toBe('allow')
  })

  test('what another binding opens stays open, GUIDs in any case', () => {
    expect(decide(call(['DELETE'], { caller: unknown }), policiesOf([open, forbid])).action).toBe('allow')
  })
})

describe('subjects', () => {
  const withSubjects = (subjects: string) =>
    policiesOf([
      policy('  - { match: SELECT, action: allow }', `policy: p\nsubjects: ${subjects}\nconnection: prod-maintenance`),
    ])
  test.each([
    ['{ groups: [db-maintenance-agents], kinds: [app, agent] }', 'allow'],
    ['{ groups: [db-maintenance-agents], kinds: [user] }', 'deny'],
    ['{ groups: [db-maintenance-agents], providers: [okta] }', 'deny'],
    ['{ groups: [dba-leads], apps: [6f1c1b3e-0000-4000-8000-000000000010] }', 'allow'],
    ['{ callers: [6f1c1b3e-0000-4000-8000-000000000011] }', 'allow'],
    ['{ callers: ["entra|t|s|a"] }', 'allow'],
    ['{ callers: [6f1c1b3e-0000-4000-8000-000000000010] }', 'deny'],
    ['{ kinds: [agent] }', 'allow'],
    ['{ groups: [], roles: [x], kinds: [agent] }', 'deny'],
    ['{ roles: [Agent.Access] }', 'deny'],
  ])('%s -> %s', (subjects, action) => {
    expect(decide(call(['SELECT']), withSubjects(subjects)).action).toBe(action)
  })
})

describe('consequences and floors', () => {
  test('a consequence that no rule names goes to reviewers, with a call that is covered', () => {
    expect(answer(decide(call(['SELECT', 'function:public.slugify']), seed))).toEqual([
      'require-approval',
      ['allow rule-matched', 'require-approval consequence'],
    ])
  })

  test('a consequence opens nothing for a call that is not covered', () => {
    expect(answer(decide(call(['GRANT', 'cascade:public.orders']), seed))).toEqual([
      'deny',
      ['deny no-rule-matched', 'deny consequence-of-uncovered'],
    ])
  })

  test('a call of consequences alone is denied', () => {
    expect(answer(decide(call(['function:public.slugify']), seed))).toEqual(['deny', ['deny consequence-of-uncovered']])
    expect(
      decide(call(['function:public.slugify'], { caller: caller({ groups: { known: true, ids: [] } }) }), seed).action,
    ).toBe('deny')
  })

  test('a rule may name one function or a whole schema', () => {
    const set = policiesOf([
      policy(
        '  - { match: "SELECT|function:public.*", action: allow }\n  - { match: "function:public.drop_*", action: deny }',
      ),
    ])
    const run = (name: string) => decide(call(['SELECT', name]), set).action
    expect(run('function:public.slugify')).toBe('allow')
    expect(run('function:public.drop_all')).toBe('deny')
    expect(run('function:publicx.slugify')).toBe('require-approval')
  })

  test('a floor of deny is never undercut', () => {
    const set = policiesOf([policy('  - { match: "SELECT|function:pg_catalog.pg_read_file", action: allow }')])
    const decision = decide(call(['SELECT', operation('function:pg_catalog.pg_read_file', { floor: 'deny' })]), set)
    expect(answer(decision)).toEqual(['deny', ['allow rule-matched', 'deny floor']])
  })

  test('a floor of require-approval gates what a rule allows, and stays a denial where no rule matches', () => {
    const gated = operation('SELECT', { floor: 'require-approval' })
    expect(answer(decide(call([gated]), seed))).toEqual(['require-approval', ['require-approval floor']])
    expect(decide(call([gated]), seed).approval?.reviewers).toEqual(['dba'])
    expect(decide(call([operation('GRANT', { floor: 'require-approval' })]), seed).action).toBe('deny')
  })
})

describe('what reviewers must do', () => {
  const gates =
    policy(`  - { match: DELETE, action: require-approval, approval: { reviewers: dba, ttl: 10m, maxRows: 5000 } }
  - { match: { operation: DELETE, tables: [public.jobs] }, action: require-approval, approval: { reviewers: [platform], ttl: 1h, maxRows: 10, reason: required } }
  - { match: UPDATE, action: require-approval, approval: { reviewers: two-dbas, preview: required } }
  - { match: DROP, action: require-approval }`)
  const terms = (operations: Parameters<typeof call>[0], over = {}) =>
    decide(call(operations), policiesOf([gates], over)).approval

  test('the strictest of every rule that gates any operation', () => {
    expect(terms([operation('DELETE', { facts: { tables: ['public.jobs'] } }), 'UPDATE'])).toEqual({
      reviewers: ['dba', 'platform', 'two-dbas'],
      ttlMs: 600_000,
      preview: 'required',
      maxRows: 10,
      reason: 'required',
    })
  })

  test('a rule that names nobody asks for the default reviewers', () => {
    expect(terms(['DROP'])?.reviewers).toEqual(['dba'])
  })

  test('without default reviewers such a rule cannot be approved, whoever else is asked', () => {
    expect(terms(['DROP', 'UPDATE'], { defaultReviewers: undefined })?.reviewers).toEqual([])
  })

  test('a consequence asks for the default reviewers, or for those of the rules around it', () => {
    expect(terms(['UPDATE', 'cascade:public.orders'])?.reviewers).toEqual(['dba', 'two-dbas'])
    expect(terms(['UPDATE', 'cascade:public.orders'], { defaultReviewers: undefined })?.reviewers).toEqual(['two-dbas'])
    expect(
      decide(call(['SELECT', 'function:x.y']), policiesOf([SEED], { defaultReviewers: undefined })).approval?.reviewers,
    ).toEqual([])
  })
})

test('a policy with labels speaks about every connection that has them all', () => {
  const set = policiesOf([
    policy(
      '  - { match: SELECT, action: allow }',
      'policy: p\nsubjects: { groups: [db-maintenance-agents] }\nconnections: [staging, { labels: { env: prod } }]',
    ),
  ])
  const on = (name: string, labels: Record<string, string>) =>
    decide(call(['SELECT'], { connection: { name, labels } }), set).action
  expect([on('staging', {}), on('any', { env: 'prod', team: 'x' }), on('any', { env: 'dev' }), on('any', {})]).toEqual([
    'allow',
    'allow',
    'deny',
    'deny',
  ])
})

test('the constant group id of the fixture is what the alias stands for', () => {
  expect(seed.policies[0]?.subjects.groups).toEqual([{ alias: 'db-maintenance-agents', id: AGENTS }])
})

test('nothing at all is a denial', () => {
  expect(strictest([])).toBe('deny')
})
