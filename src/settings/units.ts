import * as z from 'zod'

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const
const DURATION_FORM = 'a duration with a unit: 500ms, 30s, 10m, 4h or 90d'
const SIZE_FORM = 'a size with a unit: 512B, 64KiB, 1MiB or 2GiB'

/** A duration such as `500ms`, `30s`, `10m`, `4h`, `90d`; read as milliseconds. A bare number is refused: it has no unit. */
export const duration = z
  .string(DURATION_FORM)
  .regex(/^\d{1,9}(ms|s|m|h|d)$/, DURATION_FORM)
  .transform((text) => amountOf(text, DURATION_UNITS))

/** A size such as `64KiB` or `1MiB`; read as bytes. */
export const byteSize = z
  .string(SIZE_FORM)
  .regex(/^\d{1,9}(B|KiB|MiB|GiB)$/, SIZE_FORM)
  .transform((text) => amountOf(text, BYTE_UNITS))

function amountOf(text: string, units: Readonly<Record<string, number>>): number {
  const unit = text.replace(/^\d+/, '')
  return Number(text.slice(0, text.length - unit.length)) * (units[unit] ?? Number.NaN)
}
