import * as z from 'zod'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/

/**
 * A connection of `type: git`: one repository on a server, over HTTPS or SSH, with the account that pushes there. That
 * account is the real limit of what can happen: give it this repository and nothing else.
 */
export const gitConnection = z
  .strictObject({
    type: z.literal('git'),
    /** `https://host/team/repo.git` or `ssh://host:22/team/repo.git`. Plain http for loopback servers only. */
    url: z.string().min(1).max(1024),
    /** The account, in HTTP Basic or as the login of SSH. */
    user: z
      .string()
      .regex(/^[^\s:\p{Cc}]{1,128}$/u, 'a user name')
      .default('git'),
    /** A password or an access token, for HTTPS. */
    password: secretReference.optional(),
    /** PEM file of the authority that signed the server's certificate; git's own list when absent. */
    tls: z.strictObject({ ca: z.string().min(1).optional() }).optional(),
    /** For SSH: an OpenSSH or PEM key. */
    privateKey: secretReference.optional(),
    passphrase: secretReference.optional(),
    /** For SSH: the server's key as `ssh-keygen -l` prints it. Several while a server changes its key. */
    hostKey: z
      .union([z.string().regex(FINGERPRINT), z.array(z.string().regex(FINGERPRINT)).min(1)], {
        error: 'a fingerprint such as SHA256:... as ssh-keygen -lf prints it',
      })
      .optional(),
    /** Instead of hostKey: a file in the form of OpenSSH's known_hosts. */
    knownHosts: secretReference.optional(),
    objectFormat: z.enum(['sha1', 'sha256']).default('sha1'),
    /** Folder for what agents push and for a copy of the repository; beside the store when absent. */
    cache: z.string().min(1).optional(),
    limits: z
      .strictObject({
        /** For one exchange with the server. */
        timeout: duration.default(120_000),
        /** Bytes of one push of an agent, and of everything it keeps here. */
        maxPack: byteSize.default(200 * 1024 ** 2),
        /** Branches that one agent keeps here. */
        maxBranches: z.int().min(1).max(1_000).default(20),
        /** Commits that one git_push adds to a branch. */
        maxCommits: z.int().min(1).max(10_000).default(200),
        /** Paths that one git_push changes. */
        maxFiles: z.int().min(1).max(100_000).default(2_000),
        /** Bytes of one file in any commit. */
        maxBlob: byteSize.default(10 * 1024 ** 2),
        /** Bytes of all files and messages that are searched for secrets. */
        maxScan: byteSize.default(64 * 1024 ** 2),
        /** Bytes of the diff that reviewers see. */
        maxDiff: byteSize.default(64 * 1024),
        /** What an agent pushed here and did not touch again is removed after this time. */
        keep: duration.default(7 * 24 * 3_600_000),
      })
      .prefault({}),
    /** Paths that need a person beside the ones that always do; `*` stands for any characters. Case does not matter. */
    protectedPaths: z.array(z.string().min(1).max(256)).default([]),
    /** Who is named as author of commits that the gateway makes from patches. */
    author: z
      .strictObject({
        name: z.string().regex(/^[^<>\p{Cc}]{1,128}$/u, 'a name'),
        email: z.string().regex(/^[^<>\s\p{Cc}]{1,128}$/u, 'an address'),
      })
      .default({ name: 'Countersign agent', email: 'agent@countersign.invalid' }),
    /** What runs at the host, for the address that opens a pull request; known hosts are recognised. */
    forge: z.enum(['github', 'gitlab', 'azure', 'none']).optional(),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .superRefine((settings, context) => {
    for (const { path, message } of problemsOf(settings)) context.addIssue({ code: 'custom', path, message })
  })
  .transform((settings) => settings)

export type GitConnection = z.output<typeof gitConnection>

interface Problem {
  readonly path: string[]
  readonly message: string
}

type Written = Pick<GitConnection, 'url' | 'password' | 'privateKey' | 'passphrase' | 'hostKey' | 'knownHosts' | 'tls'>

function problemsOf({ url, password, privateKey, passphrase, hostKey, knownHosts, tls }: Written): Problem[] {
  const at = (path: string, message: string): Problem => ({ path: [path], message })
  if (!URL.canParse(url)) {
    return [at('url', 'a URL such as https://host/repo.git or ssh://host/repo.git (host:repo is not one)')]
  }
  const { protocol, hostname, username, password: inUrl, search, hash, pathname } = new URL(url)
  const problems: Problem[] = []
  if (username !== '' || inUrl !== '') {
    problems.push(at('url', 'no user or password in the URL: they belong into "user" and "password"'))
  }
  if (search !== '' || hash !== '' || /[\s\p{Cc}\\]/u.test(url)) problems.push(at('url', 'a plain URL'))
  if (pathname.length < 2) problems.push(at('url', 'names no repository'))
  switch (protocol) {
    case 'https:':
    case 'http:':
      if (protocol === 'http:' && !isLoopback(hostname)) {
        problems.push(at('url', 'plain http is accepted for loopback hosts only: use https'))
      }
      for (const [name, given] of Object.entries({ privateKey, passphrase, hostKey, knownHosts })) {
        if (given !== undefined) problems.push(at(name, 'belongs to ssh URLs'))
      }
      break
    case 'ssh:':
      if (privateKey === undefined) problems.push(at('privateKey', 'required for ssh'))
      if ((hostKey === undefined) === (knownHosts === undefined)) {
        problems.push(at('hostKey', 'pin the key of the server: hostKey (ssh-keygen -lf) or knownHosts'))
      }
      if (password !== undefined) problems.push(at('password', 'belongs to https URLs: ssh takes a privateKey'))
      if (tls !== undefined) problems.push(at('tls', 'belongs to https URLs'))
      break
    default:
      problems.push(at('url', 'must be https:// or ssh://'))
  }
  return problems
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
