import { escapeUnsafe } from './chain.ts'
import { type TrailRecord, trailRecord } from './event.ts'
import type { CallerFields } from './fields.ts'

const COLOURS = { good: '32', bad: '31', waiting: '33', quiet: '2' } as const
type Mood = keyof typeof COLOURS | 'plain'

/** Indents what belongs to the record above it: the width of a time and two spaces. */
const INDENT = ' '.repeat(26)

/**
 * Records as a timeline for people, one paragraph each. Texts in records were written by agents: everything in them
 * that could steer a terminal is shown as an escape.
 */
export function renderTimeline(records: readonly TrailRecord[], colour: 'colour' | 'plain'): string {
  return records
    .map((record) => {
      const { mood, words, details } = describeRecord(record)
      const event = escapeUnsafe(record.event).padEnd(21)
      const name = colour === 'colour' ? paint(event, mood) : event
      const [first = '', ...rest] = [words, ...details]
        .filter((line) => line !== '')
        .flatMap((line) => line.split('\n'))
      return [
        `${escapeUnsafe(record.at)}  ${name} ${escapeUnsafe(first)}`.trimEnd(),
        ...rest.map((line) => INDENT + escapeUnsafe(line)),
      ]
        .map((line) => `${line}\n`)
        .join('')
    })
    .join('')
}

/** One record in words. The texts in it may be an agent's: whoever shows them escapes them. */
interface Description {
  readonly mood: Mood
  readonly words: string
  readonly details: readonly string[]
}

export function describeRecord(record: TrailRecord): Description {
  const known = trailRecord.safeParse(record).success
  return known ? describe(record) : told('bad', 'not a record that this version knows')
}

function describe(record: TrailRecord): Description {
  switch (record.event) {
    case 'call.decided': {
      const { action, policy, rule, reason } = record.decision
      const by = policy === undefined ? '' : `by ${policy}/${rule ?? '?'} `
      const mood = action === 'allow' ? 'good' : action === 'deny' ? 'bad' : 'waiting'
      const operations = record.operations.map(({ operation }) => operation).join(', ')
      const request = Object.entries(record.request).map(([name, text]) => `${name}: ${text}`)
      return told(mood, `${action} ${by}(${reason ?? 'no reason'})`, whoAndWhere(record), operations, ...request)
    }
    case 'call.refused':
      return told('bad', record.code, whoAndWhere(record), record.message)
    case 'call.denied':
      return told('bad', record.code, whoAndWhere(record), record.message)
    case 'call.deferred':
      return told('waiting', `answered with ${record.approval}`, whoAndWhere(record))
    case 'call.started':
      return told('plain', record.approval === undefined ? '' : `with ${record.approval}`, whoAndWhere(record))
    case 'call.committing':
      return told('quiet', `outcome can be asked for by ${JSON.stringify(record.outcome_ref)}`)
    case 'call.finished': {
      const mood = record.status === 'executed' ? 'good' : record.status === 'answered' ? 'plain' : 'bad'
      const facts = [
        record.code,
        count(record.rows, 'rows'),
        count(record.rows_changed, 'rows changed'),
        count(record.bytes, 'bytes'),
        count(record.duration_ms, 'ms'),
        record.recovered === true ? 'recovered after a crash' : undefined,
      ].filter((fact) => fact !== undefined)
      const masked = record.masked?.map(({ where, why, count: times }) => `masked ${where}: ${why} (${times})`) ?? []
      return told(mood, [record.status, ...facts].join(', '), record.message, ...masked)
    }
    case 'approval.modified':
      return told(
        'waiting',
        `${record.approval}: ${record.to} takes its place, written by ${record.by.name ?? record.by.oid} via ${record.via}`,
        record.reason,
      )
    case 'approval.requested':
      return told(
        'waiting',
        `${record.approval} for ${record.reviewers.join(', ')}${record.instead_of === undefined ? '' : `, instead of ${record.instead_of}`}`,
        record.reason,
        ...(record.preview ?? []),
      )
    case 'approval.decided': {
      const mood = record.vote === 'approve' ? 'good' : 'bad'
      const who = record.by.name ?? record.by.oid
      return told(
        mood,
        `${record.approval}: ${record.vote} by ${who} via ${record.via}, now ${record.state}`,
        record.reason,
      )
    }
    case 'approval.revealed': {
      const who = record.by.name ?? record.by.oid
      return told('plain', `${record.approval}: hidden values shown to ${who} via ${record.via}`, record.reason)
    }
    case 'approval.vote_refused':
      return told('bad', `${record.approval}: ${record.code} via ${record.via}`)
    case 'approval.delivered':
      return told('quiet', `${record.approval} via ${record.via}`)
    case 'approval.escalated':
      return told('waiting', `${record.approval} to ${record.to}`)
    case 'approval.expired':
      return told('bad', `${record.approval} (${record.why})`)
    case 'approval.withdrawn':
      return told('bad', record.approval, record.reason)
    default:
      return told('quiet', '')
  }
}

function told(mood: Mood, words: string, ...details: readonly (string | undefined)[]): Description {
  return { mood, words, details: details.filter((detail) => detail !== undefined) }
}

function count(amount: number | undefined, unit: string): string | undefined {
  return amount === undefined ? undefined : `${amount} ${unit}`
}

interface About {
  readonly call: string
  readonly caller?: CallerFields | undefined
  readonly agent?: { readonly name?: string | undefined } | undefined
  readonly tool: string
  readonly connection?: string | undefined
}

function whoAndWhere({ call, caller, agent, tool, connection }: About): string {
  const who = caller === undefined ? 'nobody known' : `${caller.name ?? caller.oid} (${caller.kind})`
  const through = agent?.name === undefined ? '' : ` through ${agent.name}`
  return `${call} ${tool}${connection === undefined ? '' : ` on ${connection}`}, ${who}${through}`
}

function paint(text: string, mood: Mood): string {
  return mood === 'plain' ? text : `\u001b[${COLOURS[mood]}m${text}\u001b[0m`
}
