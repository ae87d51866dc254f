import { GateError } from '../../../errors.ts'

/** One line of a push: `<old> <new> <ref>`. */
export interface RefCommand {
  readonly from: string
  readonly to: string
  readonly ref: string
}

export interface CommandList {
  readonly commands: readonly RefCommand[]
  readonly capabilities: readonly string[]
  /** What git is to read of it: the commands, and the beginning of the pack. */
  readonly bytes: Buffer
}

const LONGEST = 64 * 1024
const MOST = 64
const SHALLOW = /^shallow (?:[0-9a-f]{40}|[0-9a-f]{64})$/
const COMMAND = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^\s\p{Cc}]{1,1024})$/u

/**
 * Reads the commands at the beginning of a push (gitprotocol-pack, "Reference Update Request and Packfile Transfer")
 * before git sees any of it. Signed pushes and push options are not taken.
 *
 * @throws GateError ERR_BODY_MALFORMED
 */
export async function readCommands(next: () => Promise<Buffer | undefined>): Promise<CommandList> {
  let bytes: Buffer = Buffer.alloc(0)
  let at = 0
  let shallow = 0
  let begin = 0
  const commands: RefCommand[] = []
  let capabilities: readonly string[] = []
  const need = async (length: number): Promise<boolean> => {
    while (bytes.length < at + length) {
      if (at + length > LONGEST) throw malformed('the list of branches is too long')
      const chunk = await next()
      if (chunk === undefined) return false
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    }
    return true
  }
  for (;;) {
    if (!(await need(4))) {
      if (at === 0 && bytes.length === 0) return { commands, capabilities, bytes }
      throw malformed('it ended early')
    }
    const head = bytes.toString('latin1', at, at + 4)
    if (!/^[0-9a-f]{4}$/i.test(head)) throw malformed('a length is none')
    const length = Number.parseInt(head, 16)
    if (length === 0) return { commands, capabilities, bytes: bytes.subarray(begin) }
    if (length < 5 || !(await need(length))) throw malformed('a line is cut off')
    const line = bytes.toString('utf8', at + 4, at + length).replace(/\n$/, '')
    const nul = line.indexOf('\0')
    if (nul >= 0 && commands.length === 0)
      capabilities = line
        .slice(nul + 1)
        .split(' ')
        .filter((word) => word !== '')
    const match = COMMAND.exec(nul < 0 ? line : line.slice(0, nul))
    // From a shallow clone, which lacks what came before. It is left out: git then takes the push only when all of that
    // is here already.
    if (match === null && commands.length === 0 && SHALLOW.test(line) && shallow < MOST) {
      shallow += 1
      at += length
      begin = at
      continue
    }
    if (match === null) throw malformed('it holds something else than branches: signed pushes are not taken')
    if (commands.length === MOST) throw malformed('it names too many branches')
    commands.push({ from: match[1] ?? '', to: match[2] ?? '', ref: match[3] ?? '' })
    at += length
  }
}

function malformed(why: string): GateError {
  return new GateError('ERR_BODY_MALFORMED', { detail: `The push cannot be read: ${why}.` })
}

export const isZero = (oid: string): boolean => /^0+$/.test(oid)

/** One pkt-line (gitprotocol-common). */
export function pktLine(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}

/** The answer of a push in which no branch was taken, as git clients show it: one reason for each branch. */
export function refusedReport({ commands, capabilities }: CommandList, reason: string): Buffer {
  const flush = Buffer.from('0000')
  const report = Buffer.concat([
    pktLine('unpack ok\n'),
    ...commands.map(({ ref }) => pktLine(`ng ${ref} ${reason}\n`)),
    flush,
  ])
  if (!capabilities.includes('report-status') && !capabilities.includes('report-status-v2')) return flush
  if (!capabilities.includes('side-band-64k')) return report
  const bands: Buffer[] = []
  // 65520 is the longest pkt-line; band 1 is the answer itself.
  for (let at = 0; at < report.length; at += 60_000) {
    const piece = report.subarray(at, at + 60_000)
    const length = (piece.length + 5).toString(16).padStart(4, '0')
    bands.push(Buffer.from(`${length}\u0001`, 'latin1'), piece)
  }
  return Buffer.concat([...bands, flush])
}
