import * as z from 'zod'
import type { OpenStatement } from './execute.ts'

/** The parts of EXPLAIN (FORMAT JSON) that a person wants to know. */
interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string | undefined
  readonly 'Plan Rows': number
  readonly Plans?: readonly PlanNode[] | undefined
}

const planNode: z.ZodType<PlanNode> = z.object({
  'Node Type': z.string(),
  'Relation Name': z.string().optional(),
  'Plan Rows': z.number(),
  get Plans() {
    return z.array(planNode).optional()
  },
})
const explained = z.tuple([z.object({ Plan: planNode })])

/** Planning evaluates functions that claim to be immutable; only those that are known to be harmless may be. */
const OPAQUE = /^(?:function|code|foreign):/

/**
 * What the planner expects of the statement, in one line; nothing runs. Undefined when the plan cannot be asked for
 * without calling code that nobody vouches for, or when the server does not plan statements of this kind.
 */
export async function previewPlan({ session, sql, params, judgement }: OpenStatement): Promise<string | undefined> {
  if (judgement.operations.some(({ operation }) => OPAQUE.test(operation))) return undefined
  await session.query('SAVEPOINT plan')
  try {
    const text = `EXPLAIN (FORMAT JSON) ${sql}`
    const { rows } = await session.run({ text, params, types: [], maxRows: 1, maxBytes: 4 * 1024 * 1024 })
    const [{ Plan: root }] = explained.parse(JSON.parse(String(rows[0]?.[0])))
    // The rows of the node that changes are those it returns; the ones it changes come from below.
    const source = root['Node Type'] === 'ModifyTable' ? (root.Plans?.[0] ?? root) : root
    return `the planner expects about ${source['Plan Rows']} rows (${scanOf(source)})`
  } catch {
    return undefined
  } finally {
    await session.query('ROLLBACK TO SAVEPOINT plan')
  }
}

function scanOf(node: PlanNode): string {
  const relation = node['Relation Name']
  return relation === undefined ? node['Node Type'] : `${node['Node Type']} on ${relation}`
}
