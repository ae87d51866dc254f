import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import { readRuleStatistics, statisticsQuery } from '../approvals/ruleStatistics.ts'
import { GateError } from '../errors.ts'
import type { PageResponse } from '../mcp/pageRoute.ts'
import type { Session } from './openSessions.ts'
import { rulesPage } from './pages/rulesPage.ts'

export async function showRules(session: Session, query: URLSearchParams, desk: ReviewDesk): Promise<PageResponse> {
  const asked = statisticsQuery.safeParse(Object.fromEntries(query))
  if (!asked.success) throw new GateError('ERR_STATISTICS_QUERY')
  const { since: window, by: order } = asked.data
  const statistics = await readRuleStatistics(session.reviewer, window, desk, order)
  return rulesPage({ session, statistics, window, order })
}
