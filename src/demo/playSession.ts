import { drawApproval } from '../cli/drawApproval.ts'
import { paint, type Terminal, tableLines } from '../cli/terminal.ts'
import { connectAgent, type DemoAgent, type Envelope } from './agent.ts'
import { type DemoReviewer, openReviewer, readVerdict } from './reviewer.ts'

interface SessionInput {
  readonly url: string
  readonly agentToken: string
  readonly mintReviewerToken: () => Promise<string>
  readonly terminal: Terminal
}

const CONNECTION = 'prod-maintenance'
const READ = 'SELECT id, name, email, ssn, plan FROM users ORDER BY id LIMIT 4'
const DENIED = 'TRUNCATE TABLE job_logs'
const GATED = "DELETE FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'"

/**
 * A short agent session through a real MCP client: a masked read, a denied statement, a gated DELETE that waits for a
 * person, and proof that it ran once. Rejects when the gate does not answer as it should.
 */
export async function playSession({ url, agentToken, mintReviewerToken, terminal }: SessionInput): Promise<void> {
  const agent = await connectAgent(url, agentToken)
  const reviewer = openReviewer(url, mintReviewerToken)
  const heading = (title: string, rest = '') => terminal.write(`\n${paint(terminal, 'bold', title)}  ${rest}`)
  try {
    heading('1  The agent reads customers', 'policy allows SELECT; protected columns stay hidden')
    showTable(await expectStatus(sql(agent, READ, terminal), 'ok'), terminal)

    heading('2  The agent tries something no rule allows', 'default is deny')
    showStop(await expectStatus(sql(agent, DENIED, terminal), 'denied'), terminal)

    heading('3  The agent asks to delete old failed jobs', 'policy wants a person')
    const before = await countFailed(agent)
    const waiting = collect(agent, sql(agent, GATED, terminal, 'Old failed jobs slow the queue down.'))
    const verdict = await decide(reviewer, new URL('/console', url).href, terminal)
    const result = await expectStatus(waiting, verdict === 'approve' ? 'ok' : 'denied')
    if (verdict === 'deny') showStop(result, terminal)
    else
      show(
        terminal,
        'green',
        '✓',
        `approved, executed once: ${result.result?.rows_changed} rows changed, the cascade included (${result.approval_id})`,
      )

    heading('4  The same call again', 'one execution per approval')
    const again = await sql(agent, GATED, terminal, 'Old failed jobs slow the queue down.')
    show(terminal, 'cyan', '↺', again.message)
    const after = await countFailed(agent)
    show(terminal, 'dim', ' ', `failed jobs before: ${before}, after: ${after}`)
  } finally {
    await agent.close()
  }
}

async function sql(agent: DemoAgent, text: string, terminal: Terminal, reason?: string): Promise<Envelope> {
  terminal.write(`   ${paint(terminal, 'cyan', 'run_sql')}  ${text}`)
  return agent.call('run_sql', { connection: CONNECTION, sql: text, ...(reason !== undefined && { reason }) })
}

async function expectStatus(answer: Promise<Envelope>, status: string): Promise<Envelope> {
  const envelope = await answer
  if (envelope.status === status) return envelope
  throw new Error(
    `the gate answered ${envelope.status} where ${status} was expected: ${envelope.code} ${envelope.message}`,
  )
}

async function countFailed(agent: DemoAgent): Promise<number> {
  const sql = "SELECT count(*) FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'"
  const { result } = await expectStatus(agent.call('run_sql', { connection: CONNECTION, sql }), 'ok')
  return Number(result?.rows?.[0]?.[0])
}

/**
 * A person decides, at this terminal or in the console, whichever is first; without a terminal a scripted reviewer does,
 * through the same API.
 */
async function decide(reviewer: DemoReviewer, consoleUrl: string, terminal: Terminal): Promise<'approve' | 'deny'> {
  const view = await waitForRequest(reviewer)
  terminal.write('')
  for (const line of drawApproval(view, Date.now()).trimEnd().split('\n'))
    terminal.write(`   ${paint(terminal, 'dim', '│')} ${line}`)
  const done = new AbortController()
  const key = readVerdict(process.stdin, done.signal)
  if (key === undefined) {
    show(terminal, 'yellow', '●', 'no terminal here, so a scripted reviewer approves, with a token of the reviewer app')
    await reviewer.decide(view, { verb: 'approve' })
    return 'approve'
  }
  terminal.write(`\n   ${paint(terminal, 'yellow', 'You are the reviewer: press a to approve, d to deny,')}`)
  terminal.write(
    `   ${paint(terminal, 'yellow', `or decide in the console as Grace: ${consoleUrl}/requests/${view.id}`)}`,
  )
  const first = await Promise.race([key, reviewer.decided(view.id, done.signal)])
  done.abort()
  if ('verb' in first) {
    await reviewer.decide(view, first)
    return first.verb
  }
  const vote = first.votes.at(-1)
  const verb = vote?.verdict ?? 'deny'
  show(terminal, 'yellow', '●', `${verb === 'approve' ? 'approved' : 'denied'} by ${vote?.by} (${vote?.via})`)
  return verb
}

/** The call waits inside its request for a while only; then it is collected, as an agent would. */
async function collect(agent: DemoAgent, answer: Promise<Envelope>): Promise<Envelope> {
  let envelope = await answer
  while (envelope.status === 'pending_approval') {
    envelope = await agent.call('await_approval', { approval_id: envelope.approval_id })
  }
  return envelope
}

async function waitForRequest(reviewer: DemoReviewer) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const view = await reviewer.pending()
    if (view !== undefined) return view
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('no request for approval arrived')
}

function showTable({ result }: Envelope, terminal: Terminal): void {
  const rows = (result?.rows ?? []).map((row) =>
    row.map((cell) => (typeof cell === 'string' ? cell : JSON.stringify(cell))),
  )
  for (const line of tableLines(result?.columns ?? [], rows)) {
    terminal.write(`   ${line.replace(/\[masked:[^\]]*\]/g, (mask) => paint(terminal, 'yellow', mask))}`)
  }
}

function showStop({ code, message, next_step }: Envelope, terminal: Terminal): void {
  show(terminal, 'red', '✗', `${code}: ${message}`)
  show(terminal, 'dim', ' ', next_step)
}

function show(terminal: Terminal, style: Parameters<typeof paint>[1], mark: string, text: string): void {
  terminal.write(`   ${paint(terminal, style, mark)} ${text}`)
}
