import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, type RealGateOptions, startRealGate } from '../fixtures/realGate.ts'
import { IDS, type PostedMessage, type SlackStandIn, startSlackStandIn, TOKENS } from './standIn.ts'

/** People of the directory, by the member ids of their Slack accounts. */
export const PEOPLE = {
  /** Reviewers by name. */
  U0ANN: '6f1c1b3e-0000-4000-8000-0000000000a1',
  U0BEN: '6f1c1b3e-0000-4000-8000-0000000000b1',
  /** In the directory, and in no reviewer set. */
  U0EVE: '6f1c1b3e-0000-4000-8000-0000000000e1',
  /** The second account of Ann. */
  U0ANN2: '6f1c1b3e-0000-4000-8000-0000000000a1',
  /** A reviewer, and the person for whom an agent calls. */
  U0OBO: '6f1c1b3e-0000-4000-8000-0000000000f1',
  /** A reviewer, and owner of the agent. */
  U0OWN: '6f1c1b3e-0000-4000-8000-0000000000f0',
} as const

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - match: DELETE|UPDATE|INSERT
    action: require-approval
record: true
`

export interface SlackGate {
  readonly slack: SlackStandIn
  readonly gate: RealGate
  /** Makes a gated call as a caller of its own; answers the approval's id. */
  request(sql: string, args?: Readonly<Record<string, unknown>>): Promise<string>
  /** The answer of await_approval, as the caller that asked. */
  collect(id: string): ReturnType<RealGate['call']>
  withdraw(id: string): Promise<void>
  /** The kill switch, for a person by object id; answers how to undo it. */
  revoke(person: string): Promise<() => Promise<void>>
  readTrailIn(dir: string): Promise<Record<string, unknown>[]>
  /** The message of a request, once it is there. */
  messageOf(id: string): Promise<PostedMessage>
  stop(): Promise<void>
}

export interface SlackGateOptions extends RealGateOptions {
  readonly mode?: 'socket' | 'http'
  readonly slack?: SlackStandIn
  /** Laid over `approvals.slack`. */
  readonly slackSettings?: Readonly<Record<string, unknown>>
  readonly atLeast?: number
}

/** A real gateway whose reviewers sit in the stand-in for Slack. */
export async function startSlackGate(options: SlackGateOptions = {}): Promise<SlackGate> {
  const { mode = 'socket', slackSettings = {}, atLeast = 1, config, ...rest } = options
  const slack = options.slack ?? (await startSlackStandIn())
  for (const user of Object.keys(PEOPLE)) {
    if (!slack.users.has(user)) slack.users.set(user, { profile: { real_name: `Person ${user}` } })
  }
  process.env.SLACK_TEST_BOT = TOKENS.bot
  process.env.SLACK_TEST_APP = TOKENS.app
  process.env.SLACK_TEST_SIGNING = TOKENS.signing
  const gate = await startRealGate({
    policies: [POLICY],
    ...rest,
    config: {
      ...config,
      approvals: {
        reviewers: { dba: { people: [PEOPLE.U0ANN, PEOPLE.U0BEN, PEOPLE.U0OBO, PEOPLE.U0OWN], atLeast } },
        owners: { [DEMO_IDS.agentObject]: [PEOPLE.U0OWN] },
        slack: {
          mode,
          botToken: { env: 'SLACK_TEST_BOT' },
          ...(mode === 'socket'
            ? { appToken: { env: 'SLACK_TEST_APP' } }
            : { signingSecret: { env: 'SLACK_TEST_SIGNING' } }),
          channel: IDS.channel,
          users: PEOPLE,
          apiUrl: slack.apiUrl,
          ...slackSettings,
        },
        ...config?.approvals,
      },
    },
  })
  const tokens = new Map<string, string>()
  let serial = 0
  return {
    slack,
    gate,
    async request(sql, args = {}) {
      // A client app of its own for each: what a caller may ask of reviewers in a minute is limited.
      serial += 1
      const azp = `6f1c1b3e-0000-4000-8000-0000000${String(serial).padStart(5, '0')}`
      const token = await gate.mint('app-only', { claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp } })
      const answer = await gate.sql(`${sql} /* ${serial} */`, args, { token })
      if (answer.approval_id === undefined) throw new Error(`no approval was asked for: ${JSON.stringify(answer)}`)
      tokens.set(answer.approval_id, token)
      return answer.approval_id
    },
    collect: (id) => gate.call('await_approval', { approval_id: id }, { token: tokens.get(id) ?? '' }),
    async withdraw(id) {
      const answer = await gate.call('withdraw_approval', { approval_id: id }, { token: tokens.get(id) ?? '' })
      if (answer.status !== 'withdrawn' && answer.status !== 'ok') throw new Error(JSON.stringify(answer))
    },
    async revoke(person) {
      const store = openSqliteStore(gate.storePath)
      const { number } = await store.revoke({ kind: 'person', id: person }, 'test', undefined, Date.now())
      return async () => {
        await store.undoRevocation(number, 'test', Date.now())
        await store.close()
      }
    },
    async readTrailIn(dir) {
      const names = (await readdir(dir)).filter((name) => name.endsWith('.jsonl'))
      const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')))
      return texts.flatMap((text) => text.split('\n').filter((line) => line !== '')).map((line) => JSON.parse(line))
    },
    messageOf: (id) => eventually(() => slack.requests().find((one) => one.text.includes(id))),
    async stop() {
      await gate.stop()
      if (options.slack === undefined) await slack.close()
    },
  }
}

/** What `find` answers as soon as it is something. */
export async function eventually<T>(find: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const until = Date.now() + 40_000
  for (;;) {
    const found = await find()
    if (found !== undefined && found !== false) return found
    if (Date.now() > until) throw new Error('it never happened')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
