import type { Caller } from '../../src/call.ts'
import type { DemoIssuer, MintOptions } from '../../src/demo/issuer.ts'
import { DEMO_DIRECTORY, type TokenShape } from '../../src/demo/tokenShapes.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { closeToken, openToken, withAlgorithmNone, withOtherClaims, withPublicKeyAsSecret } from './forge.ts'

interface AcceptedCase {
  readonly title: string
  readonly shape: TokenShape
  readonly options?: MintOptions
  readonly caller: Partial<Caller>
}

const personKey = `entra/${DEMO_IDS.tenant}/${DEMO_DIRECTORY.person}`
const delegatedKey = `${personKey}/${DEMO_DIRECTORY.personsAgentApp}`

/** Tokens that may call, and who they are. */
export const ACCEPTED: readonly AcceptedCase[] = [
  {
    title: 'a delegated v2 token is a user with known groups',
    shape: 'delegated',
    caller: {
      key: delegatedKey,
      kind: 'user',
      tenant: DEMO_IDS.tenant,
      subject: DEMO_DIRECTORY.person,
      app: DEMO_DIRECTORY.personsAgentApp,
      name: 'ada@corp.example',
      person: personKey,
      groups: { known: true, ids: [DEMO_IDS.agentsGroup] },
      roles: [],
      blueprint: undefined,
    },
  },
  { title: 'idtyp user changes nothing', shape: 'delegated-with-idtyp', caller: { kind: 'user', key: delegatedKey } },
  {
    title: 'no groups claim is unknown, not empty',
    shape: 'delegated-without-groups',
    caller: { groups: { known: false, why: 'not-in-token' } },
  },
  {
    title: 'an empty groups claim is known to be empty',
    shape: 'delegated',
    options: { claims: { groups: [] } },
    caller: { groups: { known: true, ids: [] } },
  },
  {
    title: 'group overage is unknown',
    shape: 'delegated-overage',
    caller: { groups: { known: false, why: 'overage' } },
  },
  {
    title: 'the implicit-flow form of overage is unknown',
    shape: 'delegated',
    options: { claims: { hasgroups: true } },
    caller: { groups: { known: false, why: 'overage' } },
  },
  {
    title: 'overage wins over a groups claim beside it',
    shape: 'delegated-overage',
    options: { claims: { groups: [DEMO_IDS.agentsGroup] } },
    caller: { groups: { known: false, why: 'overage' } },
  },
  {
    title: 'group names are unknown groups, because names are not unique',
    shape: 'delegated',
    options: { claims: { groups: [DEMO_IDS.agentsGroup, 'db-maintenance-agents'] } },
    caller: { groups: { known: false, why: 'not-in-token' } },
  },
  {
    title: 'a groups claim of the wrong form is unknown',
    shape: 'delegated',
    options: { claims: { groups: DEMO_IDS.agentsGroup } },
    caller: { groups: { known: false, why: 'not-in-token' } },
  },
  {
    title: 'the scope may be one of several',
    shape: 'delegated',
    options: { claims: { scp: 'other mcp.access' } },
    caller: { kind: 'user' },
  },
  {
    title: 'app roles of the user come along',
    shape: 'delegated',
    options: { claims: { roles: ['Db.Reader'] } },
    caller: { roles: ['Db.Reader'] },
  },
  {
    title: 'ids in upper case are the same caller',
    shape: 'delegated',
    options: { claims: { oid: DEMO_DIRECTORY.person.toUpperCase() } },
    caller: { key: delegatedKey },
  },
  {
    title: 'an app-only token with the role is an app without a person and without groups',
    shape: 'app-only',
    caller: {
      kind: 'app',
      key: `entra/${DEMO_IDS.tenant}/${DEMO_IDS.agentObject}/${DEMO_IDS.agentApp}`,
      person: undefined,
      roles: ['Agent.Access'],
      groups: { known: false, why: 'not-in-token' },
    },
  },
  {
    title: 'an autonomous agent identity is an agent; the scope "/" is none',
    shape: 'agent',
    caller: { kind: 'agent', person: undefined, blueprint: DEMO_DIRECTORY.agentBlueprint },
  },
  {
    title: 'facets have no order and unknown ones do not count',
    shape: 'agent',
    options: { claims: { xms_act_fct: '11 99 3', xms_sub_fct: '111' } },
    caller: { kind: 'agent' },
  },
  {
    title: 'facet 111 is not facet 11',
    shape: 'app-only',
    options: { claims: { xms_act_fct: '111 3', xms_sub_fct: '113' } },
    caller: { kind: 'app' },
  },
  {
    title: 'an agent that acts for a person is another caller than the person, with the same person behind it',
    shape: 'agent-on-behalf-of-user',
    caller: {
      kind: 'agent_on_behalf_of_user',
      key: `${personKey}/${DEMO_DIRECTORY.agentIdentity}`,
      person: personKey,
      blueprint: DEMO_DIRECTORY.agentBlueprint,
    },
  },
  {
    title: 'a blueprint makes it an agent where facets are not configured',
    shape: 'agent-on-behalf-of-user',
    options: { claims: { xms_act_fct: undefined, xms_sub_fct: undefined } },
    caller: { kind: 'agent_on_behalf_of_user' },
  },
  {
    title: "an agent's own user account is no person's token, and cannot approve for itself",
    shape: 'agent-user',
    caller: { kind: 'agent_user', person: `entra/${DEMO_IDS.tenant}/${DEMO_DIRECTORY.agentUser}` },
  },
  {
    title: 'a managed identity token of 24 hours is accepted',
    shape: 'app-only',
    options: { lifetime: 24 * 3600 },
    caller: { kind: 'app' },
  },
  {
    title: 'a name loses its invisible and direction-changing characters',
    shape: 'delegated',
    options: { claims: { preferred_username: 'ad\u202ea\u200b\n@corp' } },
    caller: { name: 'ada@corp' },
  },
]

interface RefusedCase {
  readonly title: string
  readonly code: ErrorCode
  readonly status: 401 | 403
  /** What the text must name: the fix. */
  readonly fix?: string
  readonly make: (issuer: DemoIssuer) => Promise<string> | string
}

const now = () => Math.floor(Date.now() / 1000)
const mint =
  (shape: TokenShape, options: MintOptions = {}) =>
  (issuer: DemoIssuer) =>
    issuer.mint(shape, options)
const delegated = (claims: Readonly<Record<string, unknown>>) => mint('delegated', { claims })
const header = (members: Readonly<Record<string, unknown>>) => mint('delegated', { header: members })
const tampered =
  (change: (token: string, issuer: DemoIssuer) => string) =>
  async (issuer: DemoIssuer): Promise<string> =>
    change(await issuer.mint('delegated'), issuer)
const otherTenant = '0a0a0a0a-0000-4000-8000-000000000009'

/** Tokens that are turned back, each with its own code. */
export const REFUSED: readonly RefusedCase[] = [
  // 1.1 versions
  {
    title: 'a v1.0 token',
    code: 'ERR_TOKEN_VERSION',
    status: 401,
    fix: 'requestedAccessTokenVersion',
    make: mint('delegated-v1'),
  },
  {
    title: 'a v1.0 token in the name of the v2 issuer',
    code: 'ERR_TOKEN_VERSION',
    status: 401,
    fix: 'requestedAccessTokenVersion',
    make: delegated({ ver: '1.0' }),
  },
  {
    title: 'a token with the client claim of v1.0',
    code: 'ERR_TOKEN_VERSION',
    status: 401,
    make: delegated({ appid: DEMO_IDS.agentApp }),
  },
  {
    title: 'a token of an unknown version',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'ver',
    make: delegated({ ver: '3.0' }),
  },
  // 1.1 app-only
  {
    title: 'an app-only token without any role',
    code: 'ERR_ROLE_NONE',
    status: 403,
    fix: 'assignment required',
    make: mint('app-only-without-role'),
  },
  {
    title: 'an app-only token with another role',
    code: 'ERR_ROLE_MISSING',
    status: 403,
    fix: 'Agent.Access',
    make: mint('app-only', { claims: { roles: ['Agent.Access.Other'] } }),
  },
  {
    title: 'an agent without a role',
    code: 'ERR_ROLE_NONE',
    status: 403,
    make: mint('agent', { claims: { roles: undefined } }),
  },
  {
    title: 'an app-only token whose roles are one string',
    code: 'ERR_ROLE_NONE',
    status: 403,
    make: mint('app-only', { claims: { roles: 'Agent.Access' } }),
  },
  {
    title: 'an app-only token with a scope',
    code: 'ERR_TOKEN_KIND_UNCLEAR',
    status: 401,
    make: mint('app-only', { claims: { scp: 'mcp.access' } }),
  },
  {
    title: 'a token with a role and neither idtyp nor scope',
    code: 'ERR_TOKEN_KIND_UNCLEAR',
    status: 401,
    fix: 'idtyp',
    make: mint('app-only', { claims: { idtyp: undefined } }),
  },
  { title: 'a device token', code: 'ERR_TOKEN_SUBJECT_TYPE', status: 401, make: mint('device') },
  {
    title: 'an idtyp that is a list',
    code: 'ERR_TOKEN_SUBJECT_TYPE',
    status: 401,
    make: delegated({ idtyp: ['user'] }),
  },
  // 1.1 delegated
  {
    title: 'a delegated token without the scope',
    code: 'ERR_SCOPE_MISSING',
    status: 403,
    fix: 'mcp.access',
    make: delegated({ scp: 'User.Read' }),
  },
  {
    title: 'a scope that only begins like ours',
    code: 'ERR_SCOPE_MISSING',
    status: 403,
    make: delegated({ scp: 'mcp.access.all' }),
  },
  {
    title: 'a user token with a role but no scope',
    code: 'ERR_SCOPE_MISSING',
    status: 403,
    make: delegated({ idtyp: 'user', scp: undefined, roles: ['Agent.Access'] }),
  },
  {
    title: 'an agent user without the scope',
    code: 'ERR_SCOPE_MISSING',
    status: 403,
    make: mint('agent-user', { claims: { scp: '/' } }),
  },
  {
    title: 'an agent acting for a user without the scope, even with a role',
    code: 'ERR_SCOPE_MISSING',
    status: 403,
    make: mint('agent-on-behalf-of-user', { claims: { scp: undefined, roles: ['Agent.Access'] } }),
  },
  // 1.3 issuer, tenant, audience
  {
    title: 'a token of another tenant',
    code: 'ERR_TOKEN_TENANT',
    status: 401,
    make: (issuer) =>
      issuer.mint('delegated', { claims: { iss: `${issuer.authority}/${otherTenant}/v2.0`, tid: otherTenant } }),
  },
  {
    title: 'a token whose tid disagrees with its issuer',
    code: 'ERR_TOKEN_TENANT',
    status: 401,
    make: delegated({ tid: otherTenant }),
  },
  {
    title: 'a token without tid',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'tid',
    make: delegated({ tid: undefined }),
  },
  {
    title: 'an unknown issuer',
    code: 'ERR_TOKEN_ISSUER',
    status: 401,
    make: delegated({ iss: 'https://evil.example/v2.0' }),
  },
  {
    title: 'our issuer with a slash behind it',
    code: 'ERR_TOKEN_TENANT',
    status: 401,
    make: (issuer) => issuer.mint('delegated', { claims: { iss: `${issuer.issuer}/` } }),
  },
  { title: 'a token without an issuer', code: 'ERR_TOKEN_ISSUER', status: 401, make: delegated({ iss: undefined }) },
  {
    title: 'a list of issuers',
    code: 'ERR_TOKEN_ISSUER',
    status: 401,
    make: (issuer) => issuer.mint('delegated', { claims: { iss: [issuer.issuer] } }),
  },
  {
    title: 'an issuer named like an object member',
    code: 'ERR_TOKEN_ISSUER',
    status: 401,
    make: delegated({ iss: '__proto__' }),
  },
  {
    title: 'a token for another application',
    code: 'ERR_TOKEN_AUDIENCE',
    status: 401,
    make: delegated({ aud: '0b0b0b0b-0000-4000-8000-000000000000' }),
  },
  {
    title: 'a token without an audience',
    code: 'ERR_TOKEN_AUDIENCE',
    status: 401,
    make: delegated({ aud: undefined }),
  },
  {
    title: 'the Application ID URI as audience',
    code: 'ERR_TOKEN_AUDIENCE',
    status: 401,
    make: delegated({ aud: `api://${DEMO_IDS.gateway}` }),
  },
  { title: 'a reviewer token that calls tools', code: 'ERR_TOKEN_AUDIENCE', status: 401, make: mint('reviewer') },
  // 1.3 algorithms and keys
  { title: 'alg none', code: 'ERR_TOKEN_ALGORITHM', status: 401, make: tampered((token) => withAlgorithmNone(token)) },
  {
    title: 'alg nOnE',
    code: 'ERR_TOKEN_ALGORITHM',
    status: 401,
    make: tampered((token) => withAlgorithmNone(token, 'nOnE')),
  },
  {
    title: 'HS256 with the public key as secret',
    code: 'ERR_TOKEN_ALGORITHM',
    status: 401,
    make: tampered(withPublicKeyAsSecret),
  },
  {
    title: 'an algorithm that is not on the list',
    code: 'ERR_TOKEN_ALGORITHM',
    status: 401,
    make: tampered((token) => {
      const { header: members, claims, signature } = openToken(token)
      return closeToken({ ...members, alg: 'RS512' }, claims, signature)
    }),
  },
  { title: 'no kid', code: 'ERR_TOKEN_KEY_ID', status: 401, make: header({ kid: undefined }) },
  { title: 'an empty kid', code: 'ERR_TOKEN_KEY_ID', status: 401, make: header({ kid: '' }) },
  {
    title: 'a key that is not published',
    code: 'ERR_TOKEN_KEY_UNKNOWN',
    status: 401,
    make: async (issuer) => issuer.mint('delegated', { key: await issuer.strayKey() }),
  },
  {
    title: 'a foreign key under the name of a published one, embedded in the header',
    code: 'ERR_TOKEN_SIGNATURE',
    status: 401,
    make: async (issuer) => {
      const key = await issuer.strayKey()
      const members = {
        kid: issuer.key.kid,
        jwk: key.publicJwk,
        jku: `${issuer.authority}/x`,
        x5u: `${issuer.authority}/y`,
      }
      return issuer.mint('delegated', { key, header: members })
    },
  },
  {
    title: 'claims changed after signing',
    code: 'ERR_TOKEN_SIGNATURE',
    status: 401,
    make: tampered((token) => withOtherClaims(token, { oid: DEMO_IDS.reviewer })),
  },
  {
    title: 'a signature cut off',
    code: 'ERR_TOKEN_SIGNATURE',
    status: 401,
    make: tampered((token) => token.slice(0, token.lastIndexOf('.') + 1)),
  },
  {
    title: 'the typ of an RFC 9068 token, which Entra does not send',
    code: 'ERR_TOKEN_TYPE',
    status: 401,
    make: header({ typ: 'at+jwt' }),
  },
  { title: 'no typ', code: 'ERR_TOKEN_TYPE', status: 401, make: header({ typ: undefined }) },
  {
    title: 'critical header extensions',
    code: 'ERR_TOKEN_TYPE',
    status: 401,
    make: tampered((token) => {
      const { header: members, claims, signature } = openToken(token)
      return closeToken({ ...members, crit: ['b64'], b64: false }, claims, signature)
    }),
  },
  // 1.3 times
  {
    title: 'an expired token',
    code: 'ERR_TOKEN_EXPIRED',
    status: 401,
    make: delegated({ iat: now() - 7200, nbf: now() - 7200, exp: now() - 120 }),
  },
  { title: 'no exp', code: 'ERR_TOKEN_CLAIMS', status: 401, fix: 'exp', make: delegated({ exp: undefined }) },
  {
    title: 'exp as text',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'exp',
    make: delegated({ exp: String(now() + 600) }),
  },
  { title: 'no iat', code: 'ERR_TOKEN_CLAIMS', status: 401, fix: 'iat', make: delegated({ iat: undefined }) },
  { title: 'no nbf', code: 'ERR_TOKEN_CLAIMS', status: 401, fix: 'nbf', make: delegated({ nbf: undefined }) },
  { title: 'nbf in the future', code: 'ERR_TOKEN_NOT_YET_VALID', status: 401, make: delegated({ nbf: now() + 600 }) },
  {
    title: 'iat in the future',
    code: 'ERR_TOKEN_NOT_YET_VALID',
    status: 401,
    make: delegated({ iat: now() + 600, nbf: now(), exp: now() + 4000 }),
  },
  {
    title: 'a lifetime of 29 hours',
    code: 'ERR_TOKEN_LIFETIME',
    status: 401,
    make: mint('delegated', { lifetime: 29 * 3600 }),
  },
  { title: 'exp in milliseconds', code: 'ERR_TOKEN_LIFETIME', status: 401, make: delegated({ exp: Date.now() }) },
  { title: 'exp before iat', code: 'ERR_TOKEN_LIFETIME', status: 401, make: delegated({ exp: now() - 10 }) },
  // 1.2 and claims
  { title: 'no oid', code: 'ERR_TOKEN_CLAIMS', status: 401, fix: 'oid', make: delegated({ oid: undefined }) },
  {
    title: 'an oid that is not a GUID',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'oid',
    make: delegated({ oid: 'root' }),
  },
  {
    title: 'an oid that is a list',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'oid',
    make: delegated({ oid: [DEMO_IDS.reviewer] }),
  },
  {
    title: 'an azp that is not a GUID',
    code: 'ERR_TOKEN_CLAIMS',
    status: 401,
    fix: 'azp',
    make: delegated({ azp: 'x/../y' }),
  },
  { title: 'no sub', code: 'ERR_TOKEN_CLAIMS', status: 401, fix: 'sub', make: delegated({ sub: undefined }) },
  // 1.4 ID tokens and Graph tokens
  { title: 'an ID token', code: 'ERR_TOKEN_IS_ID_TOKEN', status: 401, fix: 'access_token', make: mint('id-token') },
  {
    title: 'an ID token with a role and without a nonce',
    code: 'ERR_TOKEN_IS_ID_TOKEN',
    status: 401,
    make: mint('id-token', { claims: { nonce: undefined, roles: ['Agent.Access'], scp: 'mcp.access' } }),
  },
  {
    title: 'an ID token given away by at_hash',
    code: 'ERR_TOKEN_IS_ID_TOKEN',
    status: 401,
    make: delegated({ at_hash: 'x' }),
  },
  {
    title: 'an ID token given away by c_hash',
    code: 'ERR_TOKEN_IS_ID_TOKEN',
    status: 401,
    make: delegated({ c_hash: 'x' }),
  },
  {
    title: 'a Graph token',
    code: 'ERR_TOKEN_FOR_GRAPH',
    status: 401,
    fix: 'fully qualified scope',
    make: mint('graph'),
  },
  {
    title: 'a Graph token told by its audience',
    code: 'ERR_TOKEN_FOR_GRAPH',
    status: 401,
    make: delegated({ aud: 'https://graph.microsoft.com' }),
  },
  {
    title: 'a Graph token told by its header nonce',
    code: 'ERR_TOKEN_FOR_GRAPH',
    status: 401,
    make: header({ nonce: 'x' }),
  },
  // not a token
  { title: 'an opaque token', code: 'ERR_TOKEN_MALFORMED', status: 401, make: () => 'EwBIA8l6BAAUbDba3x2OMJElkF7gJ4z' },
  {
    title: 'two parts',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => token.split('.').slice(0, 2).join('.')),
  },
  {
    title: 'an encrypted token of five parts',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => `${token}.x.y`),
  },
  {
    title: 'a header that is not JSON',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => `bm9wZQ${token.slice(token.indexOf('.'))}`),
  },
  {
    title: 'claims that are a list',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => closeToken(openToken(token).header, [], 'x')),
  },
  {
    title: 'claims that are not UTF-8',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => `${token.split('.')[0]}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.x`),
  },
  {
    title: 'line breaks in the token',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: tampered((token) => `${token}\n`),
  },
  {
    title: 'brackets nested 5000 deep',
    code: 'ERR_TOKEN_MALFORMED',
    status: 401,
    make: () => `eyJhIjoxfQ.${Buffer.from('['.repeat(5000)).toString('base64url')}.x`,
  },
  {
    title: 'a token over 16 KiB',
    code: 'ERR_TOKEN_TOO_LARGE',
    status: 401,
    make: delegated({ padding: 'x'.repeat(16_384) }),
  },
]
