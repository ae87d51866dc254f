import { homedir } from 'node:os'
import { type Command, Option } from 'commander'
import type { ApprovalsOptions } from '../reviewerApi.ts'
import { configOption, jsonOption } from './commandLine.ts'

/** Which gateway. */
export interface GatewayOptions {
  readonly url?: string
  readonly config: string
}

/** Which gateway, and as whom. */
export interface ReviewerOptions extends GatewayOptions {
  readonly token?: string
  readonly json: boolean
}

/** The options that say which gateway. */
export function addGatewayOptions(command: Command): Command {
  return command.option('--url <url>', 'the gateway; default: server.publicUrl of --config').addOption(configOption())
}

/** The options of every command that a reviewer's token is needed for. */
export function addReviewerOptions(command: Command): Command {
  return addGatewayOptions(command)
    .addOption(new Option('--token <token>', 'a token of the reviewer app').env('COUNTERSIGN_TOKEN'))
    .addOption(jsonOption())
}

/** Where the gateway is, from the configuration where no URL is given, and where this user's token for it is kept. */
export async function readGateway({ url, config }: GatewayOptions): Promise<{ url: string; loginFile: string }> {
  const { loadConfig } = await import('../../config/loadConfig.ts')
  const loginFile = await findLoginFile()
  return { url: url ?? (await loadConfig(config)).server.publicUrl, loginFile }
}

/** The options as the commands take them. */
export async function readReviewer({ token, json, ...gateway }: ReviewerOptions): Promise<ApprovalsOptions> {
  return { ...(await readGateway(gateway)), token, json }
}

/** Where this user's tokens are kept. */
export async function findLoginFile(): Promise<string> {
  const { loginFilePath } = await import('../loginFile.ts')
  return loginFilePath(process.env, homedir())
}
