/**
 * The schema of the SQLite store, one entry a version. Entries are history: never edited, only added to. Records are
 * JSON; a column exists where a query or a guard needs it.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE approvals (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    caller_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    forget_at INTEGER,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX approvals_by_call ON approvals (caller_key, digest, position);
  CREATE INDEX approvals_by_caller ON approvals (caller_key, created_at);
  CREATE INDEX approvals_by_state ON approvals (state, position);
  CREATE INDEX approvals_due ON approvals (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX approvals_forget ON approvals (forget_at) WHERE forget_at IS NOT NULL;

  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    approval_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (approval_id, version)
  ) STRICT;
  CREATE TABLE cursors (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;

  CREATE TABLE leases (replica TEXT PRIMARY KEY, epoch INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;

  CREATE TABLE writes (
    caller_key TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    settled_at INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (caller_key, key)
  ) STRICT;

  CREATE TABLE revocations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    made_by TEXT NOT NULL,
    reason TEXT,
    made_at INTEGER NOT NULL,
    undone_by TEXT,
    undone_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX revocations_in_force ON revocations (kind, id) WHERE undone_at IS NULL;

  CREATE TABLE heads (replica TEXT PRIMARY KEY, file TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
  `,
  `
  CREATE TABLE deliveries (
    surface TEXT NOT NULL,
    approval_id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (surface, approval_id)
  ) STRICT;
  CREATE TABLE turns (surface TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
  `,
  `
  ALTER TABLE approvals ADD COLUMN author TEXT;
  ALTER TABLE approvals ADD COLUMN escalate_at INTEGER;
  CREATE INDEX approvals_by_author ON approvals (author, created_at) WHERE author IS NOT NULL;
  CREATE INDEX approvals_escalate ON approvals (escalate_at) WHERE escalate_at IS NOT NULL;
  `,
  `
  CREATE TABLE uses (
    caller_key TEXT NOT NULL,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    forget_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX uses_of_rule ON uses (caller_key, policy, rule, used_at);
  CREATE INDEX uses_forget ON uses (forget_at);
  `,
  `
  ALTER TABLE approvals ADD COLUMN closed_at INTEGER;
  ALTER TABLE approvals ADD COLUMN summary TEXT;
  UPDATE approvals SET closed_at = json_extract(record, '$.settledAt')
    WHERE state NOT IN ('pending', 'approved', 'executing');
  CREATE INDEX approvals_closed ON approvals (closed_at) WHERE closed_at IS NOT NULL;
  CREATE INDEX approvals_by_age ON approvals (created_at);
  `,
  `
  CREATE TABLE links (
    realm TEXT NOT NULL,
    account TEXT NOT NULL,
    person TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (realm, account)
  ) STRICT;
  CREATE INDEX links_of_person ON links (person);
  CREATE TABLE link_offers (
    realm TEXT NOT NULL,
    account TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    PRIMARY KEY (realm, account)
  ) STRICT;
  `,
]
