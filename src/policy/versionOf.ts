import { createHash } from 'node:crypto'
import { describeCircumstances, isUnconditional } from './circumstances.ts'
import type { Policy } from './policySet.ts'

/**
 * sha256 over what the policies mean. Places, comments, spelling (`DELETE|DROP` or a list) and the order of keys and
 * files are not part of it; the ids behind group aliases are. The order of rules is: unnamed ones are known by it.
 */
export function versionOf(policies: readonly Policy[], defaultReviewers: readonly string[] | undefined): string {
  const meaning = {
    defaultReviewers: defaultReviewers ?? null,
    policies: [...policies].sort((a, b) => (a.name < b.name ? -1 : 1)).map(meaningOf),
  }
  return `sha256:${createHash('sha256').update(canonical(meaning)).digest('hex')}`
}

function meaningOf({ name, subjects, connections, rules, record }: Policy) {
  return {
    name,
    record,
    subjects: {
      ...subjects,
      groups: subjects.groups.map(({ id }) => id).sort(),
      apps: [...subjects.apps].sort(),
      roles: [...subjects.roles].sort(),
      callers: [...subjects.callers].sort(),
      kinds: subjects.kinds === undefined ? null : [...subjects.kinds].sort(),
      providers: subjects.providers === undefined ? null : [...subjects.providers].sort(),
    },
    connections: connections.map((selector) => canonical(selector)).sort(),
    rules: rules.map((rule) => ({
      name: rule.name,
      action: rule.action,
      operations: rule.operations === undefined ? null : [...new Set(rule.operations)].sort(),
      conditions: Object.fromEntries(
        [...rule.conditions].map(([tool, list]) => [
          tool,
          Object.fromEntries(list.map(({ key, wanted }) => [key, wanted])),
        ]),
      ),
      ...(isUnconditional(rule.circumstances) ? {} : { circumstances: describeCircumstances(rule.circumstances) }),
      approval: {
        ...rule.approval,
        reviewers: rule.approval.reviewers === undefined ? null : [...rule.approval.reviewers].sort(),
      },
      message: rule.message ?? null,
    })),
  }
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
