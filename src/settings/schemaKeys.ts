import type * as z from 'zod'

type Schema = z.core.$ZodType
type Path = readonly PropertyKey[]

/** The keys that `schema` allows in the mapping at `path`; none when any key is a name of the author's own. */
export function keysAt(schema: Schema, path: Path, value: unknown): readonly string[] {
  const keys = schemasAt(schema, path, value).flatMap(({ schema: found }) => {
    const def = definitionOf(found)
    return def.type === 'object' ? Object.keys(def.shape) : []
  })
  return [...new Set(keys)]
}

/** The forms of the union at `path`, in the order in which a failed parse reports them. */
export function optionsAt(schema: Schema, path: Path, value: unknown): readonly Schema[] {
  let seen: Reached[] = [{ schema, value }]
  for (const segment of path) seen = seen.flatMap((reached) => stepInto(reached, segment))
  for (const reached of seen) {
    const def = definitionOf(peel(reached.schema))
    if (def.type === 'union') return def.options
  }
  return []
}

interface Reached {
  readonly schema: Schema
  readonly value: unknown
}

function schemasAt(schema: Schema, path: Path, value: unknown): Reached[] {
  let seen: Reached[] = [{ schema, value }]
  for (const segment of path) seen = seen.flatMap((reached) => stepInto(reached, segment))
  return seen.flatMap(spread)
}

function stepInto(reached: Reached, segment: PropertyKey): Reached[] {
  return spread(reached).flatMap(({ schema, value }): Reached[] => {
    const inner = inside(value, segment)
    const def = definitionOf(schema)
    switch (def.type) {
      case 'object': {
        const next = Object.hasOwn(def.shape, segment) ? def.shape[String(segment)] : undefined
        return next === undefined ? [] : [{ schema: next, value: inner }]
      }
      case 'record':
        return [{ schema: def.valueType, value: inner }]
      case 'array':
        return [{ schema: def.element, value: inner }]
      default:
        return []
    }
  })
}

/** Takes the wrappers off and opens unions; a discriminated one only at the branch that `value` names. */
function spread({ schema, value }: Reached): Reached[] {
  const bare = peel(schema)
  const def = definitionOf(bare)
  if (def.type === 'intersection') return [def.left, def.right].flatMap((side) => spread({ schema: side, value }))
  if (def.type !== 'union') return [{ schema: bare, value }]
  const tag: unknown = 'discriminator' in def ? def.discriminator : undefined
  const named = typeof tag === 'string' ? def.options.filter((option) => accepts(option, tag, value)) : []
  return (named.length > 0 ? named : def.options).flatMap((option) => spread({ schema: option, value }))
}

function peel(schema: Schema): Schema {
  const def = definitionOf(schema)
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
    case 'nonoptional':
      return peel(def.innerType)
    case 'pipe':
      return peel(def.in)
    case 'lazy':
      return peel(def.getter())
    default:
      return schema
  }
}

function accepts(option: Schema, discriminator: string, value: unknown): boolean {
  const def = definitionOf(peel(option))
  const tag = def.type === 'object' ? def.shape[discriminator] : undefined
  if (tag === undefined) return false
  return tag._zod.values?.has(inside(value, discriminator) as z.core.util.Primitive) === true
}

/** The value under one key or index, or undefined. Never an inherited one. */
export function inside(value: unknown, segment: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, segment)
    ? (value as Record<PropertyKey, unknown>)[segment]
    : undefined
}

/** zod promises these definitions to tools that walk schemas (zod.dev, "for library authors"). */
function definitionOf(schema: Schema): z.core.$ZodTypes['_zod']['def'] {
  return (schema as z.core.$ZodTypes)._zod.def
}
