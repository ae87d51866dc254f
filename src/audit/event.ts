import * as z from 'zod'
import { approvalEvents } from './approvalEvent.ts'
import { callEvents } from './callEvent.ts'
import { id, maskedText, moment, sha256 } from './fields.ts'
import { reviewerEvents } from './reviewerEvent.ts'

/**
 * Every event the trail can hold: a closed union, one strict object each.
 *
 * To add one: give it a name `noun.past-participle`; add its object here, in callEvent.ts or in approvalEvent.ts; name
 * ids by the words of product.md (`call`, `approval`, `session`); text that comes from a request, a result, a reason or
 * a message is `maskedText`, so that unmasked text does not compile; describe it in docs/trail.md (a test compares);
 * regenerate docs/schema/trail-record.json. Fields may be added to an event, never renamed, retyped or removed: trails
 * are read years later. A change that breaks this rule raises `v`.
 */
const operatingEvents = [
  z.strictObject({
    event: z.literal('gateway.started'),
    replica: id,
    version: z.string(),
    node: z.string(),
    listen: z.string().optional(),
    policy_version: z.string().optional(),
    /** Settings that weaken the gate and announce themselves, by name. */
    announcements: z.array(z.string()).readonly().optional(),
  }),
  z.strictObject({
    event: z.literal('gateway.stopped'),
    replica: id,
    reason: z.enum(['signal', 'request', 'error']),
  }),
  z.strictObject({
    event: z.literal('policy.loaded'),
    policy_version: z.string(),
    files: z.array(z.string()).readonly(),
    rules: z.int(),
  }),
  z.strictObject({
    event: z.literal('connection.failed'),
    connection: id,
    code: z.string(),
    message: maskedText.optional(),
  }),
  z.strictObject({
    event: z.literal('revocation.added'),
    revocation: id,
    kind: z.enum(['caller', 'app', 'blueprint', 'person']),
    subject: id,
    by: z.string(),
    reason: maskedText.optional(),
  }),
  z.strictObject({ event: z.literal('revocation.undone'), revocation: id, by: z.string() }),
  /**
   * Refusals before authentication and over the limits of rate and concurrency, counted per address, code and caller
   * (`oid`); `more` counts those beyond the bound of the list.
   */
  z.strictObject({
    event: z.literal('refusals.aggregated'),
    refusals: z
      .array(
        z.strictObject({
          address: z.string(),
          code: z.string(),
          oid: z.string().optional(),
          count: z.int(),
          first: moment,
          last: moment,
        }),
      )
      .readonly(),
    more: z.int().optional(),
  }),
] as const

const head = z.strictObject({ file: z.string(), seq: z.int(), hash: sha256 })

/** Written by the trail itself, never by a stage. */
const trailEvents = [
  /** The first record of every file; signed. `previous` is the end of the file before, absent at the birth of a chain. */
  z.strictObject({
    event: z.literal('trail.opened'),
    replica: id,
    file: z.string(),
    previous: head.optional(),
    every: z.int(),
    key: z.string(),
  }),
  /** The signed head of the chain: everything before it is proven to a holder of the public key. */
  z.strictObject({ event: z.literal('checkpoint'), replica: id, every: z.int(), key: z.string() }),
  /** A crash cut the last line short. The bytes were moved aside, not dropped. */
  z.strictObject({
    event: z.literal('trail.torn'),
    file: z.string(),
    bytes: z.int(),
    sha256,
    moved_to: z.string(),
  }),
  /** The trail could not be written for a while, and calls were turned away. `lost` are events that found no room. */
  z.strictObject({
    event: z.literal('trail.resumed'),
    since: moment,
    error: z.string(),
    turned_away: z.int(),
    lost: z.int(),
  }),
  /** At start the files ended before the head that the store remembers: records were removed while the gateway was down. */
  z.strictObject({
    event: z.literal('trail.cut'),
    expected: head,
    found: z.strictObject({ seq: z.int(), hash: sha256 }),
  }),
] as const

const events = [...callEvents, ...approvalEvents, ...reviewerEvents, ...operatingEvents, ...trailEvents] as const

export const trailEvent = z.discriminatedUnion('event', events)
export type TrailEvent = z.infer<typeof trailEvent>
export type EventName = TrailEvent['event']
export type EventOf<Name extends EventName> = Extract<TrailEvent, { event: Name }>

/** What the trail adds to every event. `signature` is on `trail.opened` and `checkpoint` only. */
const envelope = {
  v: z.literal(1),
  seq: z.int().min(1),
  at: moment,
  prev: sha256,
  signature: z.string().optional(),
  hash: sha256,
}

/** One line of the trail: source of docs/schema/trail-record.json. */
export const trailRecord = z
  .discriminatedUnion(
    'event',
    events.map((event) => event.extend(envelope)) as unknown as readonly [z.ZodObject<{ event: z.ZodLiteral<string> }>],
  )
  .meta({ title: 'Countersign trail record', description: 'One line of a trail file.' })

/** A line as a reader finds it: the envelope is certain, the rest depends on `event`. */
export type TrailRecord = TrailEvent & {
  readonly v: 1
  readonly seq: number
  readonly at: string
  readonly prev: string
  readonly hash: string
}
