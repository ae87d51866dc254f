import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { ToolAnswer } from '../fixtures/callTool.ts'

/** What becomes of an input: the words are explained at the top of kubectl.hostile.yaml. */
export type KubectlOutcome = 'refused' | 'denied' | 'pending' | 'failed' | 'clear' | 'unknown'

/** One call of kubectl and what must become of it. */
export interface KubectlInput {
  /** Group and number, `names-7`. */
  readonly id: string
  readonly args: Readonly<Record<string, unknown>>
  readonly want: KubectlOutcome
  /** Operations that must be among the reasons a reviewer sees. */
  readonly operations: readonly string[]
  /** Refused by the grammar alone. */
  readonly offline: boolean
}

interface WrittenInput {
  readonly args?: unknown
  readonly manifest?: unknown
  readonly parts?: readonly (string | readonly [string, number])[]
  /** `args` as it is written, a text too. */
  readonly raw?: boolean
  readonly extra?: Readonly<Record<string, unknown>>
  readonly want?: KubectlOutcome
  readonly operations?: readonly string[]
}

interface WrittenGroup {
  readonly group: string
  readonly want: KubectlOutcome
  readonly offline?: boolean
  readonly operations?: readonly string[]
  readonly inputs: readonly (string | WrittenInput)[]
}

/** A value of every Secret of the tests; its first part is what findCanaries looks for. */
export const SECRET_VALUE = 'zq7canary-of-the-cluster'

export function readKubectlCorpus(name: 'hostile' | 'ordinary'): readonly KubectlInput[] {
  const groups = parse(
    readFileSync(new URL(`./kubectl.${name}.yaml`, import.meta.url), 'utf8'),
  ) as readonly WrittenGroup[]
  return groups.flatMap((group) =>
    group.inputs.map((written, index): KubectlInput => {
      const input: WrittenInput = typeof written === 'string' ? { args: written } : written
      return {
        id: `${group.group}-${index + 1}`,
        args: argumentsOf(input),
        want: input.want ?? group.want,
        operations: input.operations ?? group.operations ?? [],
        offline: group.offline ?? false,
      }
    }),
  )
}

function argumentsOf({ args, parts, manifest, raw = false, extra = {} }: WrittenInput): Record<string, unknown> {
  const text = parts?.map((part) => (typeof part === 'string' ? part : part[0].repeat(part[1]))).join('') ?? args
  const words = typeof text === 'string' && !raw ? text.split(' ') : text
  return {
    args: Array.isArray(words) ? words.map(filled) : words,
    ...(manifest !== undefined && { manifest: filled(manifest) }),
    ...extra,
  }
}

function filled(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value
    .replaceAll('{{secret}}', SECRET_VALUE)
    .replaceAll('{{base64}}', Buffer.from(SECRET_VALUE).toString('base64'))
}

/** @param started its intent is in the trail, so it ran */
export function outcomeOfKubectl({ status, code }: ToolAnswer, started: boolean): KubectlOutcome {
  if (status === 'pending_approval') return started ? 'unknown' : 'pending'
  if (status === 'denied') return started ? 'unknown' : 'denied'
  if (status === 'failed' && code !== undefined) return started ? 'failed' : 'refused'
  return status === 'ok' && started ? 'clear' : 'unknown'
}
