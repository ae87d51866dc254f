import type { RuleLine, RuleStatistics } from '../approvals/ruleStatistics.ts'
import { showHidden } from '../approvals/suspiciousText.ts'
import type { ExitCode } from './commandStop.ts'
import { type ApprovalsOptions, asJson, ask, type Output, run } from './reviewerApi.ts'

/** `countersign approvals stats`. What may be asked for, the gateway knows. */
export async function showStatistics(
  options: ApprovalsOptions & { readonly since: string; readonly by: string },
  io: Output,
): Promise<ExitCode> {
  return run(io, async () => {
    const query = new URLSearchParams({ since: options.since, by: options.by })
    const statistics = await ask<RuleStatistics>(options, 'GET', `/stats?${query}`)
    if (statistics.truncated) io.err('There were more requests than are counted; the oldest are left out.\n')
    io.out(options.json ? asJson(statistics) : drawStatistics(statistics))
  })
}

function drawStatistics({ rules, requests }: RuleStatistics): string {
  if (rules.length === 0) return 'No rule has asked anybody.\n'
  const head = ['RULE', 'ASKED', 'APPROVED', 'DENIED', 'CHANGED', 'RAN OUT', 'WITHDRAWN', 'WAITING', 'MEDIAN WAIT']
  const table = [head, ...rules.map(cellsOf)]
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const lines = table.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
  )
  return `${lines.map((line) => line.join('  ')).join('\n')}\n\n${requests} requests\n`
}

function cellsOf(line: RuleLine): string[] {
  const { asked, approved, approved_percent: percent, denied, modified, expired, withdrawn, waiting } = line
  const counts = [denied, modified, expired, withdrawn, waiting].map(String)
  return [
    showHidden(nameOf(line)).replaceAll('\n', ' '),
    String(asked),
    percent === null ? String(approved) : `${approved} (${percent} %)`,
    ...counts,
    line.median_seconds === null ? '-' : `${line.median_seconds} s`,
  ]
}

function nameOf({ policy, rule, source, consequence }: RuleLine): string {
  if (policy === null || rule === null) return `no rule, for ${consequence ?? 'the call'}`
  return source === null ? `${policy} / ${rule}` : `${policy} / ${rule} (${source})`
}
