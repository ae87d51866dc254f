import * as z from 'zod'

/**
 * Where a secret is, never the secret itself. The value is read when a connection is opened and read again when it
 * stops working (rotation). Relative `file` paths are relative to the file that names them; config/ makes them absolute.
 */
export const secretReference = z.union(
  [
    z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable') }),
    z.strictObject({ file: z.string().min(1) }),
  ],
  // What stands there may be the secret itself: it is not repeated.
  {
    error: ({ input }) =>
      typeof input === 'object' ? undefined : 'where the secret is, never the secret: { env: NAME } or { file: PATH }',
  },
)

export type SecretReference = z.infer<typeof secretReference>

/** Reads the secret a reference points to. Errors name the reference, never a value. */
export type ReadSecret = (reference: SecretReference) => Promise<string>
