import type { TrailEvent } from '../../src/audit/event.ts'
import type { Trail } from '../../src/audit/trail.ts'
import { GateError } from '../../src/errors.ts'

/** The port in memory. `durable` holds what an append has waited for; `isBroken` makes it refuse as a full disk does. */
export function openMemoryTrail() {
  const events: TrailEvent[] = []
  const state = { isBroken: false, hasRoom: true, durable: 0 }
  const trail: Trail = {
    async append(event) {
      if (state.isBroken) throw new GateError('ERR_AUDIT')
      events.push(event)
      state.durable = events.length
      return { seq: events.length, hash: `sha256:${events.length}` }
    },
    appendBuffered: (event) => void events.push(event),
    hasRoom: async () => state.hasRoom,
    isWritable: () => !state.isBroken,
    close: async () => undefined,
  }
  return { trail, events, state }
}
