import type { Approval, ApprovalEvent } from './approval.ts'

/** The address of a request in the console. Undefined where there is none. */
export type LinkTo = (approvalId: string) => string | undefined

/** A surface that tells people by itself, such as a chat. It shows; what counts is in the store. */
export interface Notifier {
  /** Names its place in the outbox, its deliveries and its turn. */
  readonly surface: string
  /**
   * Makes what people see there equal to the record. Called for every event in order, and again for one that it was
   * called for before; the record may be later than the event. Resolves when nothing is left to do; an error means: call
   * again, after `retryAfterMs` of the error if it has one.
   */
  deliver(event: ApprovalEvent, approval: Approval): Promise<void>
  /** Called every few seconds for every pending request. Reminds once when its time is nearly over. */
  remind(approval: Approval): Promise<void>
}
