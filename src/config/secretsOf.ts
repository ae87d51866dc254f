import type { SecretReference } from '../settings/secretReference.ts'

/** A reference and where it stands: `connections.prod.read.password`. */
export interface NamedSecret {
  readonly path: string
  readonly reference: SecretReference
}

/** Every secret that a configuration refers to, in the order of the file. */
export function secretsOf(value: unknown, path = ''): NamedSecret[] {
  if (isSecretReference(value)) return [{ path, reference: value }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    FREE_FORM.has(key) ? [] : secretsOf(inner, path === '' ? key : `${path}.${key}`),
  )
}

/** Mappings in which people choose the keys: `labels: { env: prod }` refers to no secret. */
export const FREE_FORM: ReadonlySet<string> = new Set(['labels', 'groups', 'claims', 'owners'])

/** A mapping with nothing but an `env` or a `file` is a reference, wherever a schema does not leave the keys to people. */
export function isSecretReference(value: unknown): value is SecretReference {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const [only, other] = Object.entries(value)
  if (only === undefined || other !== undefined) return false
  return (only[0] === 'env' || only[0] === 'file') && typeof only[1] === 'string'
}
