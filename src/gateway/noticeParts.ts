import type { Logger } from 'pino'
import type { Lease } from '../approvals/approval.ts'
import type { LinkTo } from '../approvals/notifier.ts'
import type { ApprovalStore, DeliveryStore, EventOutbox } from '../approvals/ports.ts'
import type { Trail } from '../audit/trail.ts'
import type { ReadSecret } from '../settings/secretReference.ts'

/** What Slack, webhooks and mail are all opened with. */
export interface NoticeParts {
  readonly store: ApprovalStore & EventOutbox & DeliveryStore
  readonly lease: Lease
  readonly trail: Trail
  readonly nameGroup: (id: string) => string
  readonly readSecret: ReadSecret
  readonly linkTo: LinkTo
  readonly log: Logger
}

/** This run of this process, when it takes its turn at a surface. */
export function holderOf({ replica, epoch }: Lease): string {
  return `${replica}#${epoch}`
}
