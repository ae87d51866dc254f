import * as z from 'zod'
import { approvalsSettings } from '../approvals/settings.ts'
import { auditSettings } from '../audit/settings.ts'
import { emailSettings } from '../email/settings.ts'
import { identitySettings, reviewerAppSettings } from '../identity/settings.ts'
import { name } from '../policy/settings.ts'
import { slackSettings } from '../slack/settings.ts'
import { connection } from '../tools/connection.ts'
import { webhookSettings } from '../webhook/settings.ts'
import { serverSettings } from './serverSettings.ts'

/** countersign.yaml as a whole. Each stage owns its part; this file only puts them together. */
export const configFile = z.strictObject({
  version: z.literal(1),
  server: serverSettings.prefault({}),
  identity: identitySettings,
  groups: z.record(name, z.string().min(1).max(256)).default({}),
  connections: z.record(name, connection),
  policies: z.array(z.string().min(1)).min(1),
  approvals: approvalsSettings.safeExtend({
    reviewerApp: reviewerAppSettings.optional(),
    slack: slackSettings.optional(),
    webhooks: webhookSettings.default([]),
    email: emailSettings.optional(),
  }),
  audit: auditSettings.prefault({}),
})

export type ConfigFile = z.infer<typeof configFile>
