import { openTerminal, type Terminal } from '../../src/cli/terminal.ts'

/** A terminal without colours that keeps what was written on it. */
export function createPage(): { readonly terminal: Terminal; readonly text: () => string } {
  const written: string[] = []
  const terminal = openTerminal({
    write: (text: string | Uint8Array) => {
      written.push(String(text))
      return true
    },
  })
  return { terminal, text: () => written.join('') }
}
