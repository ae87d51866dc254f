import * as z from 'zod'
import { secretReference } from '../settings/secretReference.ts'
import { byteSize, duration } from '../settings/units.ts'

const MiB = 1024 ** 2

/** The `audit:` part of countersign.yaml. Anchors outside this machine (webhook, syslog) do not exist yet: refused as unknown. */
export const auditSettings = z.strictObject({
  /** Folder of the trail, made with mode 0700 when absent. Relative to the file that names it; config/ makes it absolute. */
  dir: z.string().min(1).default('./var/audit'),
  /** Ed25519 private key, PEM (PKCS #8). Absent: one is generated inside `dir`, mode 0600. */
  signingKey: secretReference.optional(),
  rotate: z.enum(['daily', 'hourly']).default('daily'),
  /**
   * Disk space kept in a file of zeros and given back when the disk is full, so that calls which already started can
   * be closed. Nothing new starts while it is gone.
   */
  reserve: byteSize.refine((bytes) => bytes >= MiB && bytes <= 1024 * MiB, 'between 1MiB and 1GiB').default(16 * MiB),
  /** How much of the tail may be unproven: a signed checkpoint follows after so many records, or so much time. */
  checkpoint: z
    .strictObject({
      records: z.int().min(1).max(10_000).default(500),
      every: duration.refine((ms) => ms >= 1_000 && ms <= 3_600_000, 'between 1s and 1h').default(60_000),
    })
    .prefault({}),
})

export type AuditSettings = z.infer<typeof auditSettings>
