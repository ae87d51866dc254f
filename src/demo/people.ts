import { DEMO_IDS } from './writeConfig.ts'

/** Somebody who can be chosen on the demo's login page. There are no passwords: it is a stand-in on this machine. */
export interface DemoPerson {
  readonly id: string
  readonly name: string
  /** What the page says about them. */
  readonly about: string
  /** Laid over the claims of the reviewer's token. */
  readonly claims: Readonly<Record<string, unknown>>
}

export const DEMO_PEOPLE: readonly DemoPerson[] = [
  {
    id: 'grace',
    name: 'Grace',
    about: 'Reviewer: a member of dba-leads.',
    claims: {
      oid: DEMO_IDS.reviewer,
      name: 'Grace',
      preferred_username: 'grace@corp.example',
      groups: [DEMO_IDS.reviewersGroup],
    },
  },
  {
    id: 'ada',
    name: 'Ada',
    about: 'Engineer: a member of dba-leads too, but she owns the demo agent, so she may not decide for it.',
    claims: {
      oid: DEMO_IDS.engineer,
      name: 'Ada',
      preferred_username: 'ada@corp.example',
      groups: [DEMO_IDS.agentsGroup, DEMO_IDS.reviewersGroup],
    },
  },
]
