import type { ToolOutput, ToolTable } from '../tool.ts'
import type { Planning } from './plan.ts'

/** A result of this connection: its caps, and what the hider hid up to now. */
export function outputOf(
  { settings, hider }: Pick<Planning, 'settings' | 'hider'>,
  command: string,
  found: Partial<Omit<ToolOutput, 'command' | 'caps' | 'masked'>>,
): ToolOutput {
  const { maxObjects, maxBytes } = settings.limits
  return {
    table: undefined,
    rowsChanged: undefined,
    truncated: false,
    ...found,
    command,
    caps: { maxRows: maxObjects, maxBytes },
    masked: hider.notes(),
  }
}

/** A table of plain texts. */
export function textTable(names: readonly string[], rows: readonly (readonly string[])[]): ToolTable {
  return { columns: names.map((name) => ({ name, type: 'text', protectedBy: [] })), rows }
}

/** What a change answers with. */
export const DONE_COLUMNS: readonly string[] = ['NAMESPACE', 'OBJECT', 'OUTCOME']
