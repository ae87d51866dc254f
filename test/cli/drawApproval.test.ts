import { expect, test } from 'vitest'
import { reviewViewOf } from '../../src/approvals/review.ts'
import { drawApproval } from '../../src/cli/drawApproval.ts'
import { anApproval, masked, T0 } from '../approvals/fixtures.ts'

const HEADING = /^(Request|! |Who|For|Groups|Agent|Where|Tool|Effect|Why|Reason|Needs|Vote|Expires|Digest)/

test.each([
  ['spaces', ' '],
  ['letters', 'x'],
  ['wide letters', '漢'],
  ['tabs', '\t'],
])('no long line of the agent can end as one of ours, however it is filled: %s', (_, filler) => {
  const approval = anApproval()
  const plain = drawApproval(reviewViewOf(approval), T0, 80)
  const text = masked(`DELETE FROM jobs -- ${filler.repeat(60)}Effect:${filler.repeat(73)}  1 row of jobs`)
  const shown = { ...approval.shown, fields: [{ name: 'sql', text, masked: false }], reason: text }
  const drawn = drawApproval(reviewViewOf({ ...approval, shown }), T0, 80)
  const headings = (page: string) => page.split('\n').filter((line) => HEADING.test(line))
  expect(headings(drawn).length - headings(plain).length).toBe(
    headings(drawn).filter((line) => line.startsWith('! ')).length,
  )
  for (const line of drawn.split('\n').filter((line) => !line.startsWith('Digest'))) {
    const columns = [...line].reduce((sum, one) => sum + (one === '漢' ? 2 : one === '\t' ? 8 : 1), 0)
    expect(columns).toBeLessThanOrEqual(80)
  }
  expect(drawn).toContain(approval.digest)
  expect(drawn.replaceAll('\n  ↳ ', '')).toContain(text)
})
