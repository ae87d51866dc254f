import type { Caller } from '../call.ts'
import { sameCase } from '../settings/sameCase.ts'
import type { RevocationKey } from './ports.ts'

/** Everything by which the kill switch can name this caller. An operator may give the full key or the object id. */
export function revocationKeysOf(
  caller: Pick<Caller, 'key' | 'subject' | 'app' | 'blueprint' | 'person'>,
): readonly RevocationKey[] {
  const keys: RevocationKey[] = [
    { kind: 'caller', id: caller.key },
    { kind: 'caller', id: caller.subject },
    { kind: 'app', id: caller.app },
    // The subject of a person's own token is the person's object id.
    { kind: 'person', id: caller.subject },
  ]
  if (caller.person !== undefined) keys.push({ kind: 'person', id: caller.person })
  if (caller.blueprint !== undefined) keys.push({ kind: 'blueprint', id: caller.blueprint })
  return keys.map(revocationKey)
}

/** The same for a person who votes. Someone stopped as a caller does not go on deciding either. */
export function revocationKeysOfPerson(person: string, subject: string): readonly RevocationKey[] {
  const keys: RevocationKey[] = [
    { kind: 'person', id: person },
    { kind: 'person', id: subject },
    { kind: 'caller', id: subject },
  ]
  return keys.map(revocationKey)
}

/** The one spelling under which a revocation is kept and looked for. */
export function revocationKey({ kind, id }: RevocationKey): RevocationKey {
  return { kind, id: sameCase(id) }
}
