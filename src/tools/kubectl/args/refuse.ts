import { GateError } from '../../../errors.ts'

/** Arguments that are not understood: nothing was asked of the cluster. `detail` says which, and what to do instead. */
export function refuse(detail: string): never {
  throw new GateError('ERR_KUBECTL_ARGS', { detail })
}

/** A piece of the caller's text inside a sentence: short, on one line, and quoted. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
