/** Who is in the demo directory. Entra-shaped ids that belong to nobody. */
export const DEMO_DIRECTORY = {
  tenantId: 'd3300000-0000-4000-8000-00000000000a',
  gatewayClientId: 'd3300000-0000-4000-8000-000000000001',
  reviewerClientId: 'd3300000-0000-4000-8000-000000000002',
  agentClientId: 'd3300000-0000-4000-8000-000000000003',
  daemonClientId: 'd3300000-0000-4000-8000-000000000004',
  agentIdentityId: 'a6e00000-0000-4000-8000-000000000001',
  blueprintId: 'b1e00000-0000-4000-8000-000000000001',
  agentUserId: 'a6e00000-0000-4000-8000-0000000000ff',
  daemonId: '5e000000-0000-4000-8000-000000000001',
  people: {
    ada: { id: '9e000000-0000-4000-8000-00000000000a', name: 'ada@corp.example' },
    grace: { id: '9e000000-0000-4000-8000-00000000000b', name: 'grace@corp.example' },
  },
  groups: {
    'db-maintenance-agents': '60000000-0000-4000-8000-0000000000aa',
    'dba-leads': '60000000-0000-4000-8000-0000000000bb',
  },
} as const

type Claims = Readonly<Record<string, unknown>>

/** What the issuer knows when it mints; the ids can differ from the demo's own. */
export interface ShapeContext {
  readonly authority: string
  readonly tenantId: string
  readonly gatewayClientId: string
  readonly reviewerClientId: string
  /** Seconds since the epoch. */
  readonly now: number
}

const { people, groups, ...ids } = DEMO_DIRECTORY
const ada = {
  oid: people.ada.id,
  name: 'Ada',
  preferred_username: people.ada.name,
  groups: [groups['db-maintenance-agents']],
}
const grace = {
  oid: people.grace.id,
  name: 'Grace',
  preferred_username: people.grace.name,
  groups: [groups['dba-leads']],
}

const v2 = ({ authority, tenantId, gatewayClientId }: ShapeContext) => ({
  iss: `${authority}/${tenantId}/v2.0`,
  aud: gatewayClientId,
  tid: tenantId,
  ver: '2.0',
  sub: 'pairwise-subject',
})
const delegated = (context: ShapeContext) => ({
  ...v2(context),
  ...ada,
  azp: ids.agentClientId,
  azpacr: '0',
  scp: 'mcp.access',
})
const appOnly = (context: ShapeContext) => ({
  ...v2(context),
  oid: ids.daemonId,
  sub: ids.daemonId,
  azp: ids.daemonClientId,
  azpacr: '2',
  idtyp: 'app',
  roles: ['Agent.Access'],
})
const agentFacets = { azp: ids.agentIdentityId, azpacr: '2', xms_act_fct: '3 9 11', xms_par_app_azp: ids.blueprintId }

/** The claims of every kind of token that Entra issues near this gateway, as its documentation describes them. */
export const TOKEN_SHAPES = {
  delegated,
  'delegated-with-idtyp': (context) => ({ ...delegated(context), idtyp: 'user' }),
  'delegated-without-groups': (context) => ({ ...delegated(context), groups: undefined }),
  'delegated-overage': (context) => ({
    ...delegated(context),
    groups: undefined,
    _claim_names: { groups: 'src1' },
    _claim_sources: {
      src1: { endpoint: `https://graph.windows.net/${context.tenantId}/users/${people.ada.id}/getMemberObjects` },
    },
  }),
  'delegated-v1': (context) => ({
    ...delegated(context),
    iss: `https://sts.windows.net/${context.tenantId}/`,
    aud: `api://${context.gatewayClientId}`,
    ver: '1.0',
    azp: undefined,
    azpacr: undefined,
    appid: ids.agentClientId,
    appidacr: '0',
    unique_name: people.ada.name,
  }),
  'app-only': appOnly,
  'app-only-without-role': (context) => ({ ...appOnly(context), roles: undefined }),
  agent: (context) => ({
    ...appOnly(context),
    ...agentFacets,
    oid: ids.agentIdentityId,
    sub: ids.agentIdentityId,
    xms_sub_fct: '9 3 11',
    xms_idrel: '7 10',
    scp: '/',
  }),
  'agent-on-behalf-of-user': (context) => ({
    ...delegated(context),
    ...agentFacets,
    idtyp: 'user',
    xms_sub_fct: '2 3',
    xms_idrel: '1 8',
  }),
  'agent-user': (context) => ({
    ...delegated(context),
    ...agentFacets,
    idtyp: 'user',
    oid: ids.agentUserId,
    name: 'Cleanup agent',
    preferred_username: 'cleanup-agent@corp.example',
    xms_sub_fct: '13 2',
    xms_idrel: '1',
  }),
  'id-token': (context) => ({
    ...delegated(context),
    azp: undefined,
    azpacr: undefined,
    scp: undefined,
    nonce: 'n-0S6',
  }),
  graph: (context) => ({
    ...delegated(context),
    iss: `https://sts.windows.net/${context.tenantId}/`,
    aud: '00000003-0000-0000-c000-000000000000',
    ver: '1.0',
    scp: 'User.Read',
  }),
  device: (context) => ({ ...delegated(context), idtyp: 'device', scp: undefined }),
  reviewer: (context) => ({
    ...v2(context),
    ...grace,
    aud: context.reviewerClientId,
    azp: context.reviewerClientId,
    azpacr: '0',
    idtyp: 'user',
    scp: 'approvals.review',
    auth_time: context.now,
  }),
} as const satisfies Record<string, (context: ShapeContext) => Claims>

export type TokenShape = keyof typeof TOKEN_SHAPES
