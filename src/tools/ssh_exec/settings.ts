import * as z from 'zod'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'

/** As `ssh-keygen -lf` prints it: the SHA-256 of the key, in base64 without padding. */
const fingerprint = z
  .string()
  .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'a fingerprint as ssh-keygen -lf prints it: SHA256:...')

/**
 * A connection of `type: ssh`. Who answers is known beforehand: a host key that is not pinned here never gets a
 * credential. The account on the host is the real limit of what can happen.
 */
export const sshConnection = z
  .strictObject({
    type: z.literal('ssh'),
    host: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$|^::1$/, 'a host name or an address'),
    port: z.int().min(1).max(65535).default(22),
    user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/, 'the name of an account'),
    /** OpenSSH or PEM. */
    privateKey: secretReference.optional(),
    passphrase: secretReference.optional(),
    password: secretReference.optional(),
    hostKey: z.union([fingerprint, z.array(fingerprint).min(1)]).optional(),
    /** A file in the form of OpenSSH's known_hosts. */
    knownHosts: secretReference.optional(),
    limits: z
      .strictObject({
        /** For one call; kept by the host itself, so it holds when the gateway is gone. */
        timeout: duration.default(60_000),
        /** Bytes of output that reach the agent, after masking. */
        maxBytes: byteSize.default(1024 ** 2),
        /** Commands that run at once. OpenSSH allows ten (MaxSessions) for a connection. */
        maxSessions: z.int().min(1).max(10).default(4),
      })
      .prefault({}),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .refine(({ privateKey, password }) => (privateKey === undefined) !== (password === undefined), {
    path: ['privateKey'],
    message: 'name one credential: privateKey or password',
  })
  .refine(({ passphrase, privateKey }) => passphrase === undefined || privateKey !== undefined, {
    path: ['passphrase'],
    message: 'a passphrase belongs to a privateKey',
  })
  .refine(({ hostKey, knownHosts }) => (hostKey === undefined) !== (knownHosts === undefined), {
    path: ['hostKey'],
    message: 'pin the key of the host: hostKey (ssh-keygen -lf) or knownHosts',
  })

export type SshConnection = z.output<typeof sshConnection>
