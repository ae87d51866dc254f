import { checkHold, type Hold, keepOutcomeRef } from '../approvals/hold.ts'
import type { Outcome } from '../approvals/transitions.ts'
import type { CallRecord } from '../audit/record.ts'
import type { ClearedCall, MaskedOutput } from '../call.ts'
import { GateError } from '../errors.ts'
import { mask } from '../masking/mask.ts'
import type { Masker } from '../masking/masker.ts'
import { withheldOutput } from '../masking/maskFacts.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { ToolOutput } from '../tools/tool.ts'
import type { Gates } from './gates.ts'
import type { JudgedRequest } from './judge.ts'
import { settleSurely } from './settleSurely.ts'

export interface Execution {
  readonly judged: JudgedRequest
  readonly call: ClearedCall
  readonly hold: Hold
  readonly masker: Masker
  readonly record: CallRecord
  /** Cancels a running read. A write that was cleared runs to its end, whoever listens. */
  readonly signal: AbortSignal
  /** Tells the waiting client that the call is alive. Never rejects. */
  readonly progress: (message: string) => Promise<void>
}

/** An executed call, settled and on record. */
export interface Executed {
  readonly output: MaskedOutput
  /** Set when the call took effect and its output had to be withheld. */
  readonly withheld: GateError | undefined
}

/**
 * Intent, execution, masking, outcome. Nothing runs before the intent is durable and the hold was checked after it;
 * whatever happens then is settled in the store and closed in the trail before this returns or throws.
 */
export async function execute(execution: Execution, gates: Gates): Promise<Executed> {
  const { call, hold, masker, record } = execution
  const began = performance.now()
  const progress: Progress = { started: false, committing: false }
  let raw: ToolOutput
  try {
    raw = await run(execution, progress, gates)
  } catch (error) {
    const outcome = outcomeOf(error, progress)
    await settleSurely(hold, outcome, call.callId, gates)
    if (progress.started) {
      const status = outcome.state === 'unknown' ? 'unknown' : 'failed'
      await record.failed(error, { status, durationMs: since(began) }).catch(refuseUnrecorded)
    }
    throw error
  }
  const { output, withheld } = maskOrWithhold(raw, masker)
  await settleSurely(hold, { state: 'executed', output }, call.callId, gates)
  await record
    .finished(output, {
      status: 'executed',
      rows: raw.table?.rows.length,
      rowsChanged: raw.rowsChanged,
      truncated: raw.truncated,
      durationMs: since(began),
    })
    .catch(refuseUnrecorded)
  return { output, withheld }
}

interface Progress {
  started: boolean
  committing: boolean
}

async function run(execution: Execution, progress: Progress, gates: Gates): Promise<ToolOutput> {
  const { judged, call, hold, record, signal } = execution
  const { understanding } = judged
  const started = await record.intent(call)
  progress.started = true
  await checkHold(hold, gates.approvals)
  const pulse = showProgress(execution)
  try {
    return await understanding.execute(
      started,
      async (outcomeRef) => {
        await record.outcomeRef(outcomeRef)
        await keepOutcomeRef(hold, outcomeRef, gates.approvals)
        progress.committing = true
      },
      understanding.effect === 'read' ? signal : NEVER,
      pulse.report,
    )
  } finally {
    pulse.stop()
  }
}

/** Real clients cut calls that show no sign of life for 60 seconds. */
const PROGRESS_MS = 10_000
/** A tool may report each line of an output; nobody reads more than this. */
const LEAST_PAUSE_MS = 1_000

/** Says every ten seconds, and when the tool reports, how long the call has been running. */
function showProgress({ progress, masker }: Execution) {
  const began = performance.now()
  let said = began
  let latest = ''
  const say = () => {
    said = performance.now()
    const detail = latest === '' ? '' : `: ${maskFreeText(latest, masker)}`
    void progress(`Running (${Math.round((said - began) / 1000)} s)${detail}.`)
  }
  const timer = setInterval(say, PROGRESS_MS)
  return {
    report(words: string) {
      latest = words
      if (performance.now() - said >= LEAST_PAUSE_MS) say()
    },
    stop: () => clearInterval(timer),
  }
}

const NEVER = new AbortController().signal

/** It ran, and the trail could not be told. The output stays here: what is not on record is not handed out. */
function refuseUnrecorded(cause: unknown): never {
  throw new GateError('ERR_AUDIT_OUTCOME', { cause })
}

function maskOrWithhold(raw: ToolOutput, masker: Masker): Executed {
  try {
    return { output: mask(raw, masker), withheld: undefined }
  } catch (error) {
    const withheld = error instanceof GateError ? error : new GateError('ERR_MASKING', { cause: error })
    return { output: withheldOutput(raw.command, raw.rowsChanged), withheld }
  }
}

function outcomeOf(error: unknown, { committing }: Progress): Outcome {
  if (error instanceof GateError && error.code !== 'ERR_INTERNAL') {
    if (error.code === 'ERR_OUTCOME_UNKNOWN') return { state: 'unknown' }
    return { state: 'failed', code: error.code, detail: error.detail }
  }
  // A bug between COMMIT and its answer: nobody here can tell whether it took effect.
  return committing ? { state: 'unknown' } : { state: 'failed', code: 'ERR_INTERNAL', detail: undefined }
}

function since(began: number): number {
  return Math.round((performance.now() - began) * 1000) / 1000
}
