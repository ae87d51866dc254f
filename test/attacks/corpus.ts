import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { PostgresMajor } from '../../src/demo/postgresBinaries.ts'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import { canaryEmail } from './database.ts'

/** What becomes of an input: the words are explained at the top of run_sql.hostile.yaml. */
export type Outcome =
  | 'refused'
  | 'denied'
  | 'pending'
  | 'failed'
  | 'clear'
  | 'unknown'
  | { readonly masked: readonly string[] }

/** One call of run_sql and what must become of it. */
export interface CorpusInput {
  /** Group and number, `lineage-7`. */
  readonly id: string
  readonly class: string
  readonly args: Readonly<Record<string, unknown>>
  readonly want: Outcome
  /** The error code that must be given, where it matters which guard said so. */
  readonly code: string | undefined
  /** Operations that must be among the reasons a reviewer sees. */
  readonly operations: readonly string[]
  /** What becomes of it after the approval. */
  readonly approved: Outcome | undefined
  readonly majors: readonly PostgresMajor[]
  /** Its result is different every time: clocks, random numbers, counters. */
  readonly varies: boolean
}

interface WrittenInput {
  readonly sql?: unknown
  readonly parts?: readonly (string | readonly [string, number])[]
  readonly params?: unknown
  readonly args?: Readonly<Record<string, unknown>>
  readonly want?: Outcome
  readonly code?: string
  readonly operations?: readonly string[]
  readonly then?: Outcome
  readonly majors?: readonly PostgresMajor[]
  readonly varies?: boolean
}

interface WrittenGroup {
  readonly group: string
  readonly class: string
  readonly want: Outcome
  readonly then?: Outcome
  readonly inputs: readonly (string | WrittenInput)[]
}

export const ALL_MAJORS: readonly PostgresMajor[] = [15, 16, 17, 18]

/** @param guess what `{{email}}` stands for; a value of the canary database unless told otherwise */
export function readCorpus(name: 'hostile' | 'ordinary', guess: string = canaryEmail(7)): readonly CorpusInput[] {
  const text = readFileSync(new URL(`./run_sql.${name}.yaml`, import.meta.url), 'utf8')
  const groups = parse(text) as readonly WrittenGroup[]
  return groups.flatMap((group) =>
    group.inputs.map((written, index) => {
      const input: WrittenInput = typeof written === 'string' ? { sql: written } : written
      return {
        id: `${group.group}-${index + 1}`,
        class: group.class,
        args: argumentsOf(input, guess),
        want: input.want ?? group.want,
        code: input.code,
        operations: input.operations ?? [],
        approved: input.then ?? group.then,
        majors: input.majors ?? ALL_MAJORS,
        varies: input.varies ?? false,
      }
    }),
  )
}

function argumentsOf({ sql, parts, params, args }: WrittenInput, guess: string): Record<string, unknown> {
  const guessed = (value: unknown) => (typeof value === 'string' ? value.replaceAll('{{email}}', guess) : value)
  const text = parts?.map((part) => (typeof part === 'string' ? part : part[0].repeat(part[1]))).join('') ?? sql
  return {
    sql: guessed(text),
    ...(params !== undefined && { params: Array.isArray(params) ? params.map(guessed) : params }),
    ...args,
  }
}

/** What became of a call. `started`: its intent is in the trail, so it reached the target. */
export function outcomeOf(answer: ToolAnswer, started: boolean): Outcome {
  const { status, code, result } = answer
  if (status === 'pending_approval') return started ? 'unknown' : 'pending'
  if (status === 'denied') return started ? 'unknown' : 'denied'
  if (status === 'failed' && code !== undefined) return started ? 'failed' : 'refused'
  if (status !== 'ok' || !started) return 'unknown'
  const { columns = [], rows = [] } = result ?? {}
  const masked = columns.filter(
    (_, index) => rows.length > 0 && rows.every((row) => /^\[masked:[^\]]+\.[^\]]+\]$/.test(String(row[index]))),
  )
  return masked.length === 0 ? 'clear' : { masked }
}

export const isSame = (left: Outcome, right: Outcome): boolean => describe(left) === describe(right)

export const describe = (outcome: Outcome): string =>
  typeof outcome === 'string' ? outcome : `masked ${[...new Set(outcome.masked)].sort().join(', ')}`

/** Does `work` for every item, a few at a time, and keeps the order of the results. */
export async function forEachOf<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
  atOnce = 6,
): Promise<Out[]> {
  const results: Out[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as In)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
