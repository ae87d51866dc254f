import * as z from 'zod'
import type { Caller } from '../call.ts'
import { suggest } from '../settings/nearest.ts'
import { CALLER_KINDS, name } from './settings.ts'

/** A caller as people write one down for `explain` and policy tests. Nothing about it is verified: it opens nothing. */
export const describedCaller = z.strictObject({
  kind: z.enum(CALLER_KINDS),
  provider: name.optional(),
  tenant: z.string().min(1).optional(),
  subject: z.string().min(1).default('00000000-0000-0000-0000-000000000000'),
  app: z.string().min(1).default('00000000-0000-0000-0000-000000000000'),
  /** Group aliases or object ids; `unknown` is what a token without a group list gives. */
  groups: z.union([z.array(z.string().min(1)), z.literal('unknown')]).default([]),
  roles: z.array(z.string().min(1)).default([]),
  name: z.string().optional(),
})

export type DescribedCaller = z.infer<typeof describedCaller>

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The caller that is described, or why it cannot be: a group that is neither an alias nor an id is a misspelling. */
export function callerFrom(
  described: DescribedCaller,
  groups: ReadonlyMap<string, string>,
  providers: readonly string[],
): Caller | string {
  const { kind, tenant, subject, app, roles } = described
  const provider = described.provider ?? providers[0] ?? 'entra'
  const listed = described.groups === 'unknown' ? [] : described.groups
  const misspelt = listed.find((group) => !groups.has(group) && !GUID.test(group))
  if (misspelt !== undefined) return `no group alias is called "${misspelt}"${suggest(misspelt, [...groups.keys()])}`
  return {
    key: [provider, tenant ?? '', subject, app].join('|'),
    provider,
    kind,
    tenant,
    subject,
    app,
    name: described.name,
    groups:
      described.groups === 'unknown'
        ? { known: false, why: 'not-in-token' }
        : { known: true, ids: listed.map((group) => groups.get(group) ?? group) },
    roles,
    person: undefined,
    blueprint: undefined,
    tokenId: undefined,
    expiresAt: new Date(8.64e15),
  }
}
