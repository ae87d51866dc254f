import type { Reviewer } from '../approvals/membership.ts'
import { type ReviewDesk, setsOf } from '../approvals/reviewDesk.ts'
import type { TrailRecord } from '../audit/event.ts'
import { collectRecords } from '../audit/show.ts'
import { GateError } from '../errors.ts'

/** Records of one call or one session, with the session that they belong to. */
export interface Story {
  readonly kind: 'call' | 'session'
  readonly id: string
  readonly session: string | undefined
  readonly records: readonly TrailRecord[]
  /** More than a page can show: the rest is for `countersign audit show`. */
  readonly truncated: boolean
}

export type ReadStory = (id: string, reviewer: Reviewer) => Promise<Story>

const ID = /^(?:call|ses)_[0-9A-Za-z]{26}$/
const MAX_RECORDS = 1_000
/** Each reads the whole trail; more than a few at once would slow calls down. */
const MAX_WAITING = 4

/**
 * Reads the trail for reviewers, one story after the other. Somebody may read a session when a request of it named a
 * set they belong to now: what an agent did before and after is what they judge it by. Everything else does not exist
 * for them (ERR_VOTE_UNKNOWN). What is recorded was masked before.
 */
export function openStories(dir: string, desk: ReviewDesk): ReadStory {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()

  async function read(id: string, reviewer: Reviewer): Promise<Story> {
    const sets = await setsOf(reviewer, desk)
    const records = await collectRecords(dir, id)
    const session = sessionOf(records)
    const whole = session === undefined || session === id ? records : await collectRecords(dir, session)
    if (!whole.some((record) => asked(record, sets))) throw new GateError('ERR_VOTE_UNKNOWN')
    const kind = id.startsWith('ses_') ? 'session' : 'call'
    return { kind, id, session, records: records.slice(0, MAX_RECORDS), truncated: records.length > MAX_RECORDS }
  }

  return async (id, reviewer) => {
    if (!ID.test(id)) throw new GateError('ERR_VOTE_UNKNOWN')
    if (waiting >= MAX_WAITING) throw new GateError('ERR_CONSOLE_BUSY')
    waiting += 1
    const mine = last.catch(() => undefined).then(() => read(id, reviewer))
    last = mine
    try {
      return await mine
    } finally {
      waiting -= 1
    }
  }
}

function sessionOf(records: readonly TrailRecord[]): string | undefined {
  for (const record of records) if ('session' in record && record.session !== undefined) return record.session
  return undefined
}

/** Whether this is the request for an approval by one of the sets; `two-dbas x2` asks two people of `two-dbas`. */
function asked(record: TrailRecord, sets: readonly string[]): boolean {
  if (record.event !== 'approval.requested') return false
  return record.reviewers.some((name) => sets.includes(name.replace(/ x\d+$/, '')))
}
