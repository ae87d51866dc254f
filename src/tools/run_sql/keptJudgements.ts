import type { RequestField } from '../tool.ts'
import type { Asked } from './analysis/recordAnswers.ts'
import type { Judgement } from './judgeStatement.ts'
import type { Statement } from './syntax/classify.ts'

/** A judgement of one statement under one connection's settings. It says nothing until its questions are asked again. */
export interface KeptJudgement {
  readonly statement: Statement
  readonly judgement: Judgement
  /** What the judgement rests on. */
  readonly asked: readonly Asked[]
  /** The text as people see it. */
  readonly described: RequestField
}

/** The judgements of one connection, as long as its settings and its sessions are the same. The oldest go first. */
export interface KeptJudgements {
  get(key: string): KeptJudgement | undefined
  /** Too large ones are not kept. */
  keep(key: string, kept: KeptJudgement): void
  forget(key: string): void
  /** How many judgements are kept. */
  readonly size: number
}

/** Characters of JSON: a few times as many bytes in memory. */
const MAX_ONE = 128 * 1024
const MAX_ALL = 2 * 1024 * 1024

/** @param maxAll for all of them together, in characters */
export function createKeptJudgements(maxAll = MAX_ALL): KeptJudgements {
  const entries = new Map<string, { readonly kept: KeptJudgement; readonly size: number }>()
  let all = 0
  const forget = (key: string): void => {
    all -= entries.get(key)?.size ?? 0
    entries.delete(key)
  }
  return {
    get: (key) => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      // A Map keeps the order in which its keys came: the one that was used last goes last.
      entries.delete(key)
      entries.set(key, entry)
      return entry.kept
    },
    keep: (key, kept) => {
      forget(key)
      const size = key.length + JSON.stringify(kept).length
      if (size > Math.min(MAX_ONE, maxAll)) return
      deepFreeze(kept)
      entries.set(key, { kept, size })
      all += size
      for (const oldest of entries.keys()) {
        if (all <= maxAll) break
        forget(oldest)
      }
    },
    forget,
    get size() {
      return entries.size
    },
  }
}

/** Calls share it: nobody may change it. */
function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
}
