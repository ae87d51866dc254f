import { hash } from 'node:crypto'
import type {
  Caller,
  ClearedCall,
  Decision,
  Json,
  MaskedOutput,
  MaskedText,
  Operation,
  StartedCall,
  ToolCall,
} from '../call.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import { agentToFields, callerToFields, cut, decisionToFields, operationToFields, shortCaller } from './describe.ts'
import type { EventOf, TrailEvent } from './event.ts'
import type { CallerFields } from './fields.ts'
import type { RefusalCounter } from './refusals.ts'
import type { SessionOf } from './session.ts'
import type { Trail } from './trail.ts'

/** The arguments as people may see them. */
export type MaskedRequest = Readonly<Record<string, MaskedText>>

export interface RecordOptions {
  readonly trail: Trail
  readonly refusals: RefusalCounter
  readonly sessionOf: SessionOf
  /** The configured name of a directory group, or the id itself. */
  readonly nameGroup: (id: string) => string
}

/**
 * Learns about one call as it passes each stage, and writes down what it learned. Every call ends in exactly one of
 * `deferred`, `finished`, `refused`, `denied` and `failed`: a second end, or a stage out of order, is a TypeError.
 *
 * An end that rejects with ERR_AUDIT has still ended the record; a started call is then closed at the next start.
 */
export interface CallRecord {
  identified(caller: Caller): void
  understood(facts: UnderstoodFacts): void
  /** Written in order, durable with whatever comes next. */
  decided(decision: Decision, request: MaskedRequest, digest?: string): void
  /** Answered with a pending approval. */
  deferred(approvalId: string): Promise<void>
  /** The only place that makes a StartedCall: the intent is durable before it resolves. Rejects with ERR_AUDIT. */
  intent(call: ClearedCall): Promise<StartedCall>
  /** Durable before it resolves: by what the target can be asked for the outcome. */
  outcomeRef(ref: Json): Promise<void>
  finished(output: MaskedOutput, stats: FinishStats): Promise<void>
  /** Turned back before anything started. Before `identified` it is counted, not written. Never rejects. */
  refused(error: unknown, words?: RefusalWords): Promise<void>
  denied(denial: Denial): Promise<void>
  /** Started (or answering) and failed; `unknown` when nobody can tell whether it took effect. */
  failed(error: unknown, failure?: Failure): Promise<void>
  /** Whether the one end has been written or tried. */
  hasEnded(): boolean
  /** The session of the call, once the caller is known: for the approval's events. */
  session(): string | undefined
}

export interface UnderstoodFacts {
  readonly connection: string | undefined
  readonly effect: 'read' | 'write' | undefined
  /** As masking left them. */
  readonly operations: readonly Operation[]
}

export interface FinishStats {
  /** `answered` when nothing ran at a target: a helper tool, a kept result. */
  readonly status: 'executed' | 'answered'
  readonly approvalId?: string | undefined
  readonly rows?: number | undefined
  readonly rowsChanged?: number | undefined
  readonly truncated?: boolean | undefined
  readonly durationMs?: number | undefined
}

export interface RefusalWords {
  readonly message?: MaskedText | undefined
  readonly request?: MaskedRequest | undefined
}

export interface Denial {
  readonly code: ErrorCode
  readonly message?: MaskedText | undefined
  readonly approvalId?: string | undefined
}

export interface Failure {
  readonly status?: 'failed' | 'unknown'
  readonly message?: MaskedText | undefined
  readonly approvalId?: string | undefined
  readonly durationMs?: number | undefined
}

/** Opens the record of a call: first thing, before anything about it is checked. Writes nothing yet. */
export function openRecord(call: ToolCall, { trail, refusals, sessionOf, nameGroup }: RecordOptions): CallRecord {
  const agent = agentToFields(call.agent)
  let caller: CallerFields | undefined
  let session: string | undefined
  let facts: UnderstoodFacts | undefined
  let decision: Decision | undefined
  let digest: string | undefined
  let approval: string | undefined
  let outcomeRef: Json | undefined
  let stage: 'open' | 'starting' | 'started' | 'ended' = 'open'

  function about() {
    return { call: call.id, session, caller, agent, tool: cut(call.tool), connection: facts?.connection }
  }

  /** After the decision nobody needs the groups again. */
  function aboutBriefly() {
    return { ...about(), caller: caller === undefined || decision === undefined ? caller : shortCaller(caller) }
  }

  function expectStage(step: string, ...allowed: (typeof stage)[]): void {
    if (!allowed.includes(stage)) throw new TypeError(`The record of ${call.id} is ${stage}: it cannot be ${step}`)
  }

  async function end(event: EventOf<'call.refused' | 'call.denied' | 'call.deferred' | 'call.finished'>) {
    stage = 'ended'
    await trail.append(event)
  }

  return {
    identified(verified) {
      expectStage('identified', 'open')
      caller = callerToFields(verified, nameGroup)
      session = sessionOf(verified, call.agent, call.receivedAt)
    },
    understood(understood) {
      expectStage('understood', 'open')
      facts = understood
    },
    decided(made, request, madeDigest) {
      expectStage('decided', 'open')
      decision = made
      digest = madeDigest
      trail.appendBuffered({
        event: 'call.decided',
        ...about(),
        effect: facts?.effect,
        request,
        operations: facts?.operations.map(operationToFields) ?? [],
        digest,
        decision: decisionToFields(made),
      })
    },
    async deferred(approvalId) {
      expectStage('deferred', 'open')
      await end({ event: 'call.deferred', ...aboutBriefly(), digest, approval: approvalId })
    },
    async intent(cleared) {
      expectStage('started', 'open')
      if (cleared.callId !== call.id) throw new TypeError(`A clearance of ${cleared.callId} cannot start ${call.id}`)
      stage = 'starting'
      approval = cleared.approvalId
      const { maxRows } = cleared.constraints
      const intent: TrailEvent = { event: 'call.started', ...aboutBriefly(), digest, approval, max_rows: maxRows }
      try {
        await trail.append(intent)
      } catch (error) {
        stage = 'open'
        throw error instanceof GateError ? error : new GateError('ERR_AUDIT', { cause: error })
      }
      stage = 'started'
      return { ...cleared } as StartedCall
    },
    async outcomeRef(ref) {
      expectStage('committing', 'started')
      await trail.append({ event: 'call.committing', call: call.id, outcome_ref: ref })
      outcomeRef = ref
    },
    async finished(output, stats) {
      expectStage('finished', stats.status === 'executed' ? 'started' : 'open')
      const json = JSON.stringify(output.result)
      await end({
        event: 'call.finished',
        ...aboutBriefly(),
        digest,
        approval: stats.approvalId ?? approval,
        status: stats.status,
        rows: stats.rows,
        rows_changed: stats.rowsChanged,
        truncated: stats.truncated,
        bytes: Buffer.byteLength(json),
        duration_ms: stats.durationMs,
        masked: output.masked.map(({ where, why, count }) => ({ where, why, count })),
        output_sha256: `sha256:${hash('sha256', json)}`,
        output: decision?.record === true ? output.result : undefined,
      })
    },
    async refused(error, { message, request } = {}) {
      expectStage('refused', 'open')
      const code = codeOf(error)
      if (caller === undefined) {
        stage = 'ended'
        refusals.count(call.address, code, call.receivedAt)
        return
      }
      const operations = decision === undefined ? facts?.operations.map(operationToFields) : undefined
      const event = { ...aboutBriefly(), address: call.address, request, operations, digest, code, message }
      // The caller gets the refusal in any case; an outage keeps the event until the trail is back.
      await end({ event: 'call.refused', ...event }).catch(() =>
        trail.appendBuffered({ event: 'call.refused', ...event }),
      )
    },
    async denied({ code, message, approvalId }) {
      expectStage('denied', 'open')
      await end({ event: 'call.denied', ...aboutBriefly(), digest, approval: approvalId, code, message })
    },
    async failed(error, { status = 'failed', message, approvalId, durationMs } = {}) {
      expectStage('failed', 'open', 'started')
      await end({
        event: 'call.finished',
        ...aboutBriefly(),
        digest,
        approval: approvalId ?? approval,
        status,
        code: codeOf(error),
        message,
        duration_ms: durationMs,
        outcome_ref: outcomeRef,
      })
    },
    hasEnded: () => stage === 'ended',
    session: () => session,
  }
}

/** Anything that is not a GateError is a bug, and its words may hold anything. */
function codeOf(error: unknown): ErrorCode {
  return error instanceof GateError ? error.code : 'ERR_INTERNAL'
}
