const BOOL = 16
const SMALL_NUMBERS = [21, 23, 26, 700, 701]
const INT8 = 20
const JSON_TYPES = [114, 3802]

/**
 * A value in the server's text form as JSON. Numbers that JSON's readers would round (numeric, large bigint, large
 * numbers inside JSON) and everything else stay text.
 */
export function convertValue(text: string | null, typeId: number): unknown {
  if (text === null) return null
  if (typeId === BOOL) return text === 't'
  if (SMALL_NUMBERS.includes(typeId)) return Number.isFinite(Number(text)) ? Number(text) : text
  if (typeId === INT8) return Number.isSafeInteger(Number(text)) ? Number(text) : text
  if (JSON_TYPES.includes(typeId) && !/\d{16}/.test(text)) {
    try {
      return JSON.parse(text) as unknown
    } catch {
      return text
    }
  }
  return text
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  16: 'bool',
  17: 'bytea',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'text',
  114: 'json',
  700: 'float4',
  701: 'float8',
  1042: 'char',
  1043: 'varchar',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1184: 'timestamptz',
  1186: 'interval',
  1700: 'numeric',
  2950: 'uuid',
  3802: 'jsonb',
}

/** The name of a common type; the object id of any other. */
export function typeName(typeId: number): string {
  return TYPE_NAMES[typeId] ?? `type ${typeId}`
}
