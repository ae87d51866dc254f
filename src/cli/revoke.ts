import type { Revocation, RevocationKind, RevocationStore } from '../approvals/ports.ts'
import { revocationKey } from '../approvals/revocationKeys.ts'
import { showHidden } from '../approvals/suspiciousText.ts'
import type { ExitCode } from './commandStop.ts'
import type { Output } from './reviewerApi.ts'

const REVOCATION_KINDS: readonly RevocationKind[] = ['caller', 'app', 'blueprint', 'person']

/** Who gives the order: the account that runs the command. */
export interface Operator {
  readonly name: string
  readonly now: number
}

/**
 * `countersign revoke caller|app|blueprint|person ID`: the kill switch. In force for every running gateway on this
 * store at once, waiting calls included.
 */
export async function revoke(
  kind: string,
  id: string,
  reason: string | undefined,
  operator: Operator,
  store: RevocationStore,
  io: Output,
): Promise<ExitCode> {
  const known = REVOCATION_KINDS.find((one) => one === kind)
  if (known === undefined) {
    io.err(`"${showHidden(kind)}" cannot be revoked; allowed are ${REVOCATION_KINDS.join(', ')}.\n`)
    return 2
  }
  if (id.trim() === '' || id !== id.trim()) {
    io.err('The id is empty or has blanks around it.\n')
    return 2
  }
  const entry = await store.revoke(revocationKey({ kind: known, id }), operator.name, reason, operator.now)
  const since = entry.at === operator.now && entry.by === operator.name ? 'from now on' : `since ${isoTime(entry.at)}`
  io.out(`Revoked ${entry.kind} ${showHidden(entry.id)} ${since} (number ${entry.number}).\n`)
  return 0
}

/** `countersign revoke list`. */
export async function listRevocations(json: boolean, store: RevocationStore, io: Output): Promise<ExitCode> {
  const entries = await store.revocations()
  if (json) io.out(`${JSON.stringify(entries, undefined, 2)}\n`)
  else io.out(entries.length === 0 ? 'Nobody is revoked.\n' : entries.map(drawRevocation).join(''))
  return 0
}

/** `countersign revoke undo NUMBER`. 1 when no such entry is in force. */
export async function undoRevocation(
  number: string,
  operator: Operator,
  store: RevocationStore,
  io: Output,
): Promise<ExitCode> {
  if (!/^[1-9]\d{0,8}$/.test(number)) {
    io.err('undo takes the number that `revoke list` shows.\n')
    return 2
  }
  const entry = await store.undoRevocation(Number(number), operator.name, operator.now)
  if (entry === undefined) {
    io.err(`No revocation ${number} is in force.\n`)
    return 1
  }
  io.out(`${entry.kind} ${showHidden(entry.id)} is no longer revoked.\n`)
  return 0
}

function drawRevocation({ number, kind, id, by, reason, at, undoneBy, undoneAt }: Revocation): string {
  const undone = undoneAt === undefined ? '' : `  undone ${isoTime(undoneAt)} by ${undoneBy ?? '?'}`
  const why = reason === undefined ? '' : `  (${reason})`
  return `${showHidden(`${String(number).padStart(4)}  ${kind.padEnd(9)}  ${id}  ${isoTime(at)} by ${by}${why}${undone}`.replaceAll('\n', ' '))}\n`
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
