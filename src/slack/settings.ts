import * as z from 'zod'
import { secretReference } from '../settings/secretReference.ts'
import { duration } from '../settings/units.ts'

/** Slack's own ids. They tell accounts and channels apart for good; names and addresses change hands. */
const userId = z
  .string()
  .regex(/^[UW][A-Z0-9]{2,20}$/, 'a Slack member id such as U012AB3CD (profile, "Copy member ID")')
const channelId = z.string().regex(/^[CG][A-Z0-9]{2,20}$/, 'a Slack channel id such as C012AB3CD, not its name')
const teamId = z.string().regex(/^[TE][A-Z0-9]{2,20}$/, 'a Slack workspace id such as T012AB3CD')

/** `approvals.slack`: Slack as a place where reviewers see requests and decide. */
export const slackSettings = z
  .strictObject({
    /** How clicks come in. `socket`: this server connects to Slack. `http`: Slack calls `POST /slack/events`. */
    mode: z.enum(['socket', 'http']).default('socket'),
    /** `xapp-...` with `connections:write`. For `socket`. */
    appToken: secretReference.optional(),
    /** `xoxb-...`. */
    botToken: secretReference,
    /** Who knows it can forge approvals. For `http`. */
    signingSecret: secretReference.optional(),
    /** Where requests are shown. */
    channel: channelId,
    /** Slack member id -> directory object id. Nobody else decides in Slack but who has linked an account. */
    users: z.record(userId, z.string().min(1).max(256)).default({}),
    /** Whether people may link their own accounts, through the console. `users` goes before it. */
    linking: z.boolean().default(true),
    /**
     * Whether somebody whom neither knows is who has their confirmed e-mail address in the directory. Whoever can change
     * addresses, in Slack or there, can then vote as somebody else.
     */
    matchEmail: z.boolean().default(false),
    /** The only workspace (or, on Enterprise Grid, organisation) whose clicks count. Absent: the one of the bot token. */
    team: teamId.optional(),
    /** The identity provider that the object ids belong to, when there are several and no `reviewerApp` names one. */
    provider: z.string().min(1).max(32).optional(),
    /** Reviewers are reminded once when so much time is left, or a quarter of it for short-lived requests. */
    remindBefore: duration.prefault('15m'),
    /** Another Web API. Whoever answers there can forge every approval: a loopback address, with insecureLoopback. */
    apiUrl: z
      .string()
      .regex(/^http:\/\/(127(\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5}\/api\/$/, 'http://127.0.0.1:<port>/api/')
      .optional(),
  })
  .superRefine(({ mode, appToken, signingSecret }, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (mode === 'socket' && appToken === undefined) say('appToken', 'required with mode: socket')
    if (mode === 'http' && signingSecret === undefined) say('signingSecret', 'required with mode: http')
    if (mode === 'http' && appToken !== undefined) say('appToken', 'has no use with mode: http')
    if (mode === 'socket' && signingSecret !== undefined) say('signingSecret', 'has no use with mode: socket')
  })

export type SlackSettings = z.infer<typeof slackSettings>
