import type { ExitCode } from '../commandStop.ts'
import type { Output } from '../reviewerApi.ts'
import { abortOnInterrupt } from './abortOnInterrupt.ts'
import { type CommandLine, exampleOf } from './commandLine.ts'
import { defineLogin } from './defineLogin.ts'
import { defineVotes } from './defineVotes.ts'
import { addReviewerOptions, type ReviewerOptions, readReviewer } from './reviewerOptions.ts'

interface ListOptions extends ReviewerOptions {
  readonly all: boolean
  readonly watch: boolean
}

interface StatisticsOptions extends ReviewerOptions {
  readonly since: string
  readonly by: string
}

/** `countersign approvals`: commands of reviewers. They know the gateway by its URL alone. */
export function defineApprovals({ program, finish, io }: CommandLine): void {
  const approvals = program.command('approvals').description('what waits for people; asks the running gateway')
  defineLogin(approvals, { finish, io })
  addReviewerOptions(approvals.command('list').description('what waits for a decision'))
    .option('--all', 'decided ones too', false)
    .option('--watch', 'print requests as they come, until interrupted', false)
    .addHelpText('after', exampleOf('approvals list --url https://gate.corp.example/mcp --watch'))
    .action((options: ListOptions) => finish(list(options, io)))
  addReviewerOptions(approvals.command('stats').description('which rules ask most, and what people answer'))
    .option('--since <time>', '24h, 7d or 30d', '7d')
    .option('--by <order>', 'asked, approved, denied, expired or time', 'asked')
    .addHelpText('after', exampleOf('approvals stats --since 30d --by denied'))
    .action((options: StatisticsOptions) => finish(stats(options, io)))
  addReviewerOptions(approvals.command('show').description('one request in full').argument('<id>', 'apr_...'))
    .addHelpText('after', exampleOf('approvals show apr_01JD3M8K2QX6W9'))
    .action((id: string, options: ReviewerOptions) => finish(show(id, options, io)))
  defineVotes(approvals, { finish, io })
}

async function list(options: ListOptions, io: Output): Promise<ExitCode> {
  const { listApprovals, watchApprovals } = await import('../approvals.ts')
  const reviewer = await readReviewer(options)
  if (!options.watch) return listApprovals({ ...reviewer, all: options.all }, io)
  return watchApprovals(reviewer, io, abortOnInterrupt())
}

async function stats(options: StatisticsOptions, io: Output): Promise<ExitCode> {
  const { showStatistics } = await import('../showStatistics.ts')
  return showStatistics({ ...(await readReviewer(options)), since: options.since, by: options.by }, io)
}

async function show(id: string, options: ReviewerOptions, io: Output): Promise<ExitCode> {
  const { showApproval } = await import('../approvals.ts')
  return showApproval(id, await readReviewer(options), io)
}
