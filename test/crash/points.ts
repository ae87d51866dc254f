import type { Round } from './playRounds.ts'

/** Every stage of a gated call, in the order in which it is passed. */
const GATED: readonly (readonly [point: string, waits?: 'waits'])[] = [
  ['trail:call.decided:before'],
  ['store:approval:pending:before'],
  ['store:approval:pending:after'],
  ['trail:approval.requested:torn'],
  ['trail:approval.requested:synced', 'waits'],
  ['trail:call.deferred:before'],
  ['trail:call.deferred:synced'],
  ['answer:before'],
  ['store:approval:approved:before'],
  ['store:approval:approved:after', 'waits'],
  ['trail:approval.decided:before'],
  ['trail:approval.decided:synced', 'waits'],
  ['store:approval:executing:before'],
  ['store:approval:executing:after', 'waits'],
  ['trail:call.started:before'],
  ['trail:call.started:torn'],
  ['trail:call.started:synced', 'waits'],
  ['target:UPDATE:before'],
  ['target:UPDATE:after'],
  ['trail:call.committing:before'],
  ['trail:call.committing:torn'],
  ['trail:call.committing:synced', 'waits'],
  ['store:approval:executing:before#2'],
  ['store:approval:executing:after#2'],
  ['target:COMMIT:before'],
  ['target:COMMIT:sent'],
  ['target:COMMIT:after', 'waits'],
  ['store:approval:executed:before'],
  ['store:approval:executed:after'],
  ['trail:call.finished:before'],
  ['trail:call.finished:torn'],
  ['trail:call.finished:synced'],
  ['answer:before#2'],
]

const ALLOWED: readonly string[] = [
  'store:write:executing:before',
  'store:write:executing:after',
  'trail:call.started:synced',
  'trail:call.committing:synced',
  'store:write:executing:after#2',
  'target:COMMIT:before',
  'target:COMMIT:sent',
  'target:COMMIT:after',
  'store:write:executed:after',
  'trail:call.finished:written',
]

/** A crash, and another one in the middle of the recovery from it. */
const TWICE: readonly (readonly [string, string])[] = [
  ['target:COMMIT:before', 'store:approval:failed:before'],
  ['target:COMMIT:after', 'store:approval:executed:after'],
  ['target:COMMIT:after', 'trail:call.finished:before'],
  ['target:COMMIT:sent', 'trail:call.finished:synced'],
]

export const EVERY_STAGE: readonly Round[] = [
  ...GATED.map(([at, waits]): Round => ({ kind: 'gated', at, waits: waits !== undefined })),
  ...ALLOWED.map((at): Round => ({ kind: 'allowed', at })),
  ...TWICE.map(([at, again]): Round => ({ kind: 'gated', at, again })),
]

/** Killed from outside after so many milliseconds: wherever the call is then. */
export function anywhere(rounds: number): readonly Round[] {
  return Array.from({ length: rounds }, (_, index): Round => {
    const waits = index % 2 === 0
    return { kind: index % 3 === 2 ? 'allowed' : 'gated', at: 5 + ((index * 37) % 160), waits }
  })
}
