/** The least that loads. */
export const MINIMAL = `version: 1
identity:
  - type: entra
    tenantId: 6f1c1b3e-0000-4000-8000-000000000001
    clientId: 6f1c1b3e-0000-4000-8000-000000000002
groups:
  dba-leads: 6f1c1b3e-0000-4000-8000-0000000000bb
connections:
  prod:
    type: postgres
    host: db.internal
    database: app
    read: { user: gate_ro, password: { env: PROD_RO } }
policies: [policies/*.yaml]
approvals:
  store: { sqlite: var/a.db }
  defaultReviewers: dba
  reviewers:
    dba: { groups: [dba-leads] }
`
