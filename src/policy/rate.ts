import * as z from 'zod'

/** How often a rule may open something for one caller: at most `limit` times within any `windowMs`. */
export interface Rate {
  /** As it was written. */
  readonly text: string
  readonly limit: number
  readonly windowMs: number
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const FORM = 'a number of calls in a time: 20/h, 5/10m or 100/d, at most 10000 calls and 31 days'

/** `20/h`, `5/10m`, `100/d`. */
export const rate = z.string(FORM).transform((text, context): Rate => {
  const [, calls = '', times = '', unit = ''] = /^([1-9]\d{0,4})\/([1-9]\d{0,3})?([mhd])$/.exec(text) ?? []
  const limit = Number(calls)
  const windowMs = Number(times || '1') * (UNITS[unit as keyof typeof UNITS] ?? 0)
  if (limit >= 1 && limit <= 10_000 && windowMs > 0 && windowMs <= 31 * UNITS.d) return { text, limit, windowMs }
  context.issues.push({ code: 'custom', message: `expected ${FORM}`, input: text })
  return z.NEVER
})
