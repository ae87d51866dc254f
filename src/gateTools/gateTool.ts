import type * as z from 'zod'
import type { ToolAnnotations } from '../tools/tool.ts'

/** A tool about the gate itself. It has no connection and no operations, so there is nothing for policy to decide. */
export interface GateTool {
  readonly name: 'await_approval' | 'withdraw_approval' | 'list_connections' | 'explain_call'
  readonly title: string
  readonly description: string
  readonly annotations: ToolAnnotations
  readonly input: z.ZodType
}
