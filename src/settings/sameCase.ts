/**
 * GUIDs in lower case, alone and inside of keys, everything else untouched. Directories, portals and people write the
 * same GUID in both cases, and what stops somebody (a deny rule, a revocation, an owner's entry) must not miss them for
 * that. Other identifiers are compared exactly.
 */
export function sameCase(id: string): string {
  // Asked for every key of every call, and almost none has anything to change.
  if (!/[A-F]/.test(id)) return id
  return id.replace(/(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])/gi, (guid) =>
    guid.toLowerCase(),
  )
}
