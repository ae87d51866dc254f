import { DEMO_IDS } from './writeConfig.ts'

/** The rest of the made-up directory, beside the ids that the demo's config names. */
export const DEMO_DIRECTORY = {
  person: DEMO_IDS.engineer,
  personsAgentApp: '6f1c1b3e-0000-4000-8000-000000000030',
  agentIdentity: '6f1c1b3e-0000-4000-8000-000000000031',
  agentBlueprint: '6f1c1b3e-0000-4000-8000-000000000032',
  agentUser: '6f1c1b3e-0000-4000-8000-000000000033',
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

const person = {
  oid: DEMO_DIRECTORY.person,
  name: 'Ada',
  preferred_username: 'ada@corp.example',
  groups: [DEMO_IDS.agentsGroup],
}
const reviewer = {
  oid: DEMO_IDS.reviewer,
  name: 'Grace',
  preferred_username: 'grace@corp.example',
  groups: [DEMO_IDS.reviewersGroup],
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
  ...person,
  azp: DEMO_DIRECTORY.personsAgentApp,
  azpacr: '0',
  scp: 'mcp.access',
})
const appOnly = (context: ShapeContext) => ({
  ...v2(context),
  oid: DEMO_IDS.agentObject,
  sub: DEMO_IDS.agentObject,
  azp: DEMO_IDS.agentApp,
  azpacr: '2',
  idtyp: 'app',
  roles: ['Agent.Access'],
})
const agentFacets = {
  azp: DEMO_DIRECTORY.agentIdentity,
  azpacr: '2',
  xms_act_fct: '3 9 11',
  xms_par_app_azp: DEMO_DIRECTORY.agentBlueprint,
}

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
      src1: {
        endpoint: `https://graph.windows.net/${context.tenantId}/users/${DEMO_DIRECTORY.person}/getMemberObjects`,
      },
    },
  }),
  'delegated-v1': (context) => ({
    ...delegated(context),
    iss: `https://sts.windows.net/${context.tenantId}/`,
    aud: `api://${context.gatewayClientId}`,
    ver: '1.0',
    azp: undefined,
    azpacr: undefined,
    appid: DEMO_DIRECTORY.personsAgentApp,
    appidacr: '0',
    unique_name: person.preferred_username,
  }),
  'app-only': appOnly,
  'app-only-without-role': (context) => ({ ...appOnly(context), roles: undefined }),
  agent: (context) => ({
    ...appOnly(context),
    ...agentFacets,
    oid: DEMO_DIRECTORY.agentIdentity,
    sub: DEMO_DIRECTORY.agentIdentity,
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
    oid: DEMO_DIRECTORY.agentUser,
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
    ...reviewer,
    aud: context.reviewerClientId,
    azp: context.reviewerClientId,
    azpacr: '0',
    idtyp: 'user',
    scp: 'approvals.review',
    auth_time: context.now,
  }),
} as const satisfies Record<string, (context: ShapeContext) => Claims>

export type TokenShape = keyof typeof TOKEN_SHAPES
