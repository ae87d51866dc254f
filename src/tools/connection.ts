import * as z from 'zod'
import { gitConnection } from './git_push/settings.ts'
import { httpConnection } from './http_request/settings.ts'
import { kubernetesConnection } from './kubectl/settings.ts'
import { postgresConnection } from './run_sql/settings.ts'
import { sshConnection } from './ssh_exec/settings.ts'

/** Every type of connection. A tool folder owns the settings of its own; to add one, name it here. */
const TYPES = [postgresConnection, httpConnection, sshConnection, gitConnection, kubernetesConnection] as const

const allowed = TYPES.map((schema) => ('in' in schema ? schema.in : schema).shape.type.value)

/** One entry of `connections` in countersign.yaml, told apart by its `type`. */
export const connection = z.discriminatedUnion('type', TYPES, {
  error: (issue) =>
    issue.code === 'invalid_union' ? `not a connection type (allowed: ${allowed.join(', ')})` : undefined,
})

export type Connection = z.output<typeof connection>
