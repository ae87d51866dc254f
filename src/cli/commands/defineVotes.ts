import type { Command } from 'commander'
import type { ExitCode } from '../commandStop.ts'
import type { Output } from '../reviewerApi.ts'
import { type CommandLine, exampleOf } from './commandLine.ts'
import { addReviewerOptions, type ReviewerOptions, readReviewer } from './reviewerOptions.ts'

interface VoteOptions extends ReviewerOptions {
  readonly reason?: string
  readonly digest?: string
}

interface ModifyOptions extends VoteOptions {
  readonly set: readonly string[]
  readonly edit?: string | true
}

/** `approve`, `deny` and `modify`: what a reviewer says to one request. */
export function defineVotes(approvals: Command, { finish, io }: Omit<CommandLine, 'program'>): void {
  for (const verb of ['approve', 'deny'] as const) {
    const command = addReviewerOptions(
      approvals.command(verb).description(`${verb} one request`).argument('<id>', 'apr_...'),
    )
      .option('--digest <digest>', 'the digest that was shown, where the request hides something')
      .addHelpText('after', exampleOf(`approvals ${verb} apr_01JD3M8K2QX6W9 --reason "the migration replaces it"`))
    if (verb === 'deny') command.requiredOption('--reason <text>', 'what would have to differ; the agent is told')
    else command.option('--reason <text>', 'kept in the trail')
    command.action((id: string, options: VoteOptions) => finish(vote(verb, id, options, io)))
  }
  addReviewerOptions(
    approvals.command('modify').description('put a changed request in its place').argument('<id>', 'apr_...'),
  )
    .option('--set <name=text>', 'an argument and what it becomes; name=@file reads it from a file', collect, [])
    .option('--edit [name]', 'open an argument in $VISUAL or $EDITOR')
    .option('--reason <text>', 'why; the next reviewer and the agent are told')
    .option('--digest <digest>', 'the digest that was shown, where the request hides something')
    .addHelpText(
      'after',
      exampleOf(
        'approvals modify apr_01JD3M8K2QX6W9 --set sql=@fixed.sql --reason "only the old ones"',
        'approvals modify apr_01JD3M8K2QX6W9 --edit',
      ),
    )
    .action((id: string, options: ModifyOptions) => finish(modify(id, options, io)))
}

async function vote(verb: 'approve' | 'deny', id: string, options: VoteOptions, io: Output): Promise<ExitCode> {
  const { approveApproval, denyApproval } = await import('../approvals.ts')
  const given = { ...(await readReviewer(options)), reason: options.reason, digest: options.digest }
  return verb === 'approve' ? approveApproval(id, given, io) : denyApproval(id, given, io)
}

async function modify(id: string, options: ModifyOptions, io: Output): Promise<ExitCode> {
  const { modifyApproval } = await import('../modifyApproval.ts')
  const { set, edit, reason, digest } = options
  const editor = process.env.VISUAL || process.env.EDITOR
  return modifyApproval(id, { ...(await readReviewer(options)), set, edit, reason, digest, editor }, io)
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
