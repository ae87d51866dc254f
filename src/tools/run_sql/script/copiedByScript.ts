import type { Operation } from '../../../call.ts'
import { bareName } from './dependence.ts'
import type { JudgedPart } from './judgedPart.ts'

const FILLING = ['INSERT', 'UPDATE', 'MERGE', 'CREATE', 'ALTER']

/**
 * Follows protected values from table to table. A statement that copies them into an unprotected table is shown as
 * such, and who approves it knows; the statements after it that touch that table would look as if they had nothing to do
 * with protected values.
 */
export function copiedByScript(): { touchedBy(part: JudgedPart): readonly Operation[] } {
  const holders = new Map<string, number>()
  return {
    touchedBy({ number, operations, statement }) {
      const tables = operations.flatMap(tablesOf)
      const touched = [...new Set(tables)].filter((table) => holders.has(bareName(table))).sort()
      if (touched.length > 0 || operations.some(({ operation }) => operation.startsWith('copy:'))) {
        const filled = operations.filter(({ operation }) => FILLING.includes(operation)).flatMap(tablesOf)
        const { newname } = statement.root.node
        for (const name of [...filled.map(bareName), ...(typeof newname === 'string' ? [newname] : [])]) {
          if (!holders.has(name)) holders.set(name, number)
        }
      }
      return touched.map((table) => ({
        operation: `protected:${table}`,
        otherwise: 'require-approval',
        floor: 'require-approval',
        because: `statement ${holders.get(bareName(table))} copies protected values into it`,
        facts: { tables: [table] },
      }))
    },
  }
}

const tablesOf = ({ operation, facts }: Operation): readonly string[] =>
  // What a copy names is where the values come from.
  operation.startsWith('copy:') || !Array.isArray(facts.tables) ? [] : facts.tables
