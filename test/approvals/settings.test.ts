import { describe, expect, test } from 'vitest'
import { approvalsSettings, resolveApprovalRules } from '../../src/approvals/settings.ts'

const smallest = { store: { sqlite: './var/countersign.db' } }

describe('the approvals settings', () => {
  test('have defaults under the time at which clients give up', () => {
    expect(approvalsSettings.parse(smallest)).toMatchObject({
      inlineWait: 45_000,
      ttl: 14_400_000,
      claimWithin: 3_600_000,
      maxPendingPerCaller: 5,
      reviewers: {},
    })
  })

  test.each<[string, object]>([
    ['an unknown key', { slack: {} }],
    ['an unknown key of a reviewer set', { reviewers: { dba: { people: ['a'], quorum: 2 } } }],
    ['a reviewer set of nobody', { reviewers: { dba: { groups: [], people: [] } } }],
    ['more approvals than people', { reviewers: { dba: { people: ['a', 'a'], atLeast: 2 } } }],
    ['no approvals needed', { reviewers: { dba: { people: ['a'], atLeast: 0 } } }],
    ['default reviewers that are not defined', { defaultReviewers: 'dba' }],
    ['default reviewers named like something every object has', { defaultReviewers: 'constructor' }],
    ['a time without a unit', { ttl: 60 }],
    ['no time at all', { ttl: '0s' }],
    ['no request allowed', { maxPendingPerCaller: 0 }],
    ['a key written into the file', { digestKey: 'abc' }],
    ['two stores', { store: { sqlite: 'a', memory: true } }],
  ])('refuse %s', (_, over) => {
    expect(approvalsSettings.safeParse({ ...smallest, ...over }).success).toBe(false)
  })

  test('group names become directory ids; a name nobody defined stops the start', () => {
    const id = '6f1c1b3e-0000-4000-8000-0000000000bb'
    const settings = approvalsSettings.parse({ ...smallest, reviewers: { dba: { groups: ['dba-leads', id] } } })
    expect(resolveApprovalRules(settings, { 'dba-leads': 'g-1' }).sets.get('dba')).toEqual({
      groupIds: ['g-1', id],
      people: [],
      atLeast: 1,
      mayReveal: false,
    })
    expect(() => resolveApprovalRules(settings, {})).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  })
})
