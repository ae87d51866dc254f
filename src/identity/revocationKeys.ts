import type { Caller } from '../call.ts'

/** What `countersign revoke caller|app|blueprint ID` can name. */
export interface RevocationKey {
  readonly kind: 'caller' | 'app' | 'blueprint'
  readonly id: string
}

/**
 * Every name under which the kill switch may stop this principal. A caller can be named by its key (this person with
 * this program), by its subject (an Entra `oid`: with every program), or by its person key; a program by its app id; all
 * agents of a blueprint by the blueprint. Works for reviewers too. Entra ids are lower case.
 */
export function revocationKeys({
  key,
  subject,
  person,
  app,
  blueprint,
}: Pick<Caller, 'key' | 'subject' | 'person' | 'app' | 'blueprint'>): readonly RevocationKey[] {
  return [
    { kind: 'caller', id: key },
    { kind: 'caller', id: subject },
    ...(person === undefined ? [] : [{ kind: 'caller', id: person } as const]),
    { kind: 'app', id: app },
    ...(blueprint === undefined ? [] : [{ kind: 'blueprint', id: blueprint } as const]),
  ]
}
