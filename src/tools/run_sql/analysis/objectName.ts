/**
 * `public.users`: how facts call an object. A name with a dot or a quote in it is quoted as in SQL, so that no two
 * objects share a name.
 */
export function objectName(...parts: readonly string[]): string {
  return parts.map((part) => (/[."]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part)).join('.')
}
