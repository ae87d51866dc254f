import type { Json } from '../../../call.ts'

/** One request to the API server. Segments of the path are names that were validated; they are encoded all the same. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: readonly string[]
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Json
  readonly contentType?: string
  readonly accept?: string
  /** The type of what is asked for, for failures: what the server says about a Secret is never repeated. */
  readonly about: string
}

/** The path and query as they are sent. */
export function pathOf({ path, query = {} }: Pick<ApiRequest, 'path' | 'query'>, prefix = ''): string {
  for (const segment of path) {
    // A dot segment would be another path for whoever normalises it.
    if (segment === '' || segment === '.' || segment === '..')
      throw new TypeError('a path segment that means something')
  }
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of typeof value === 'string' ? [value] : value) search.append(name, each)
  }
  const text = search.toString()
  return `${prefix}/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`
}
