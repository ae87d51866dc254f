import { stringify } from 'yaml'
import type { Json } from '../../../call.ts'

/** JSON as YAML, every value written out: lines are not folded, and nothing is shared by an alias. */
export function renderYaml(value: Json): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.2' })
}
