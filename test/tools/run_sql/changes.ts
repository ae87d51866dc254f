/** One change of the catalog or of the configuration, between two calls of the same statement. */
export interface Change {
  readonly title: string
  readonly setup: string
  readonly sql: string
  readonly params?: readonly (string | number)[]
  /** What a superuser does meanwhile. */
  readonly change?: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** Settings of a reload meanwhile. */
  readonly reload?: Readonly<Record<string, unknown>>
  /** The verdict is the same afterwards: `kept` when not even a fact that was read has changed. */
  readonly same?: 'kept' | 'judged anew'
}

const protect = (...columns: string[]) => ({ protect: columns })

/** Runs in a schema `app` before `public` on the search path; both are made anew for each change. */
export const CHANGES: readonly Change[] = [
  {
    title: 'nothing but rows and statistics',
    setup: 'CREATE TABLE t (id int, email text)',
    sql: 'SELECT id, email FROM t WHERE id = 1',
    settings: protect('t.email'),
    change: `INSERT INTO t VALUES (1, 'x'); ANALYZE t`,
    same: 'kept',
  },
  {
    title: 'an object that the statement has nothing to do with',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'CREATE TABLE other (id int); CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    same: 'kept',
  },
  {
    title: 'nothing, for names and values beyond ASCII',
    setup: 'CREATE TABLE "tä😀" (id int, "é" text)',
    sql: `SELECT "é" FROM "tä😀" WHERE "é" = '☃'`,
    settings: protect('tä😀.é'),
    same: 'kept',
  },
  {
    title: 'who may read a table',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'CREATE ROLE reader_of_t; GRANT SELECT ON t TO reader_of_t',
    same: 'judged anew',
  },
  {
    title: 'a role that may no longer read the table',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'REVOKE ALL ON t FROM gate_ro, gate_rw',
  },
  {
    title: 'a view that is replaced',
    setup: 'CREATE TABLE t (id int, name text, email text); CREATE VIEW v AS SELECT id, name FROM t',
    sql: 'SELECT id, name FROM v',
    settings: protect('t.email'),
    change: 'CREATE OR REPLACE VIEW v AS SELECT id, email AS name FROM t',
  },
  {
    title: 'a view under a view that is replaced',
    setup:
      'CREATE TABLE t (id int, name text, email text); CREATE VIEW v AS SELECT id, name FROM t; CREATE VIEW w AS SELECT * FROM v',
    sql: 'SELECT id, name FROM w',
    settings: protect('t.email'),
    change: 'CREATE OR REPLACE VIEW v AS SELECT id, email AS name FROM t',
  },
  {
    title: 'a table in place of a view',
    setup: 'CREATE TABLE t (id int, email text); CREATE VIEW v AS SELECT id, email FROM t',
    sql: 'SELECT email FROM v',
    settings: protect('t.email'),
    change: 'DROP VIEW v; CREATE TABLE v (id int, email text)',
  },
  {
    title: 'a materialised view that is made anew',
    setup: 'CREATE TABLE t (id int, name text, email text); CREATE MATERIALIZED VIEW m AS SELECT id, name FROM t',
    sql: 'SELECT name FROM m',
    settings: protect('t.email'),
    change: 'DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT id, email AS name FROM t',
  },
  {
    title: 'a function that is replaced',
    setup: 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$',
    sql: 'SELECT f(1)',
    settings: { trustedFunctions: ['public.f'] },
    change: 'CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 + 1 $$',
  },
  {
    title: 'a function that is declared to be another kind',
    setup: 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$',
    sql: 'SELECT f(1)',
    change: 'ALTER FUNCTION f(int) VOLATILE',
  },
  {
    title: 'an overload that fits better',
    setup: 'CREATE FUNCTION f(numeric) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    sql: 'SELECT f(1)',
    settings: { trustedFunctions: ['public.f'] },
    change: 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
  },
  {
    title: 'a function that comes first on the search path',
    setup: 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    sql: 'SELECT f(1)',
    settings: { trustedFunctions: ['public.f'] },
    change: 'CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
  },
  {
    title: 'a function of the schema that shadows one of the server',
    setup: 'CREATE FUNCTION length(numeric) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; CREATE TABLE t (a varchar)',
    sql: 'SELECT length(a) FROM t',
    change: 'CREATE FUNCTION length(varchar) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
  },
  {
    title: 'an operator that fits better',
    setup: `CREATE FUNCTION add8(int8, int8) RETURNS int8 LANGUAGE sql AS $$ SELECT 1::int8 $$;
      CREATE OPERATOR <+> (LEFTARG = int8, RIGHTARG = int8, FUNCTION = add8);
      CREATE FUNCTION add48(int4, int8) RETURNS int8 LANGUAGE sql AS $$ SELECT 2::int8 $$`,
    sql: 'SELECT 1::int4 <+> 2::int8',
    settings: { trustedFunctions: ['public.add8'] },
    change: 'CREATE OPERATOR <+> (LEFTARG = int4, RIGHTARG = int8, FUNCTION = add48)',
  },
  {
    title: 'an operator that is made anew over another function',
    setup: `CREATE FUNCTION one(int, int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
      CREATE FUNCTION two(int, int) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$;
      CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = one)`,
    sql: 'SELECT 1 <+> 2',
    settings: { trustedFunctions: ['public.one'] },
    change: 'DROP OPERATOR <+> (int, int); CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = two)',
  },
  {
    title: 'a cast that is made anew over another function',
    setup: `CREATE TYPE pair AS (a int, b int); CREATE FUNCTION one(int) RETURNS pair LANGUAGE sql AS $$ SELECT 1, 1 $$;
      CREATE FUNCTION two(int) RETURNS pair LANGUAGE sql AS $$ SELECT 2, 2 $$; CREATE CAST (int AS pair) WITH FUNCTION one(int)`,
    sql: 'SELECT 1::pair',
    settings: { trustedFunctions: ['public.one'] },
    change: 'DROP CAST (int AS pair); CREATE CAST (int AS pair) WITH FUNCTION two(int)',
  },
  {
    title: 'a cast that output as JSON finds',
    setup: `CREATE TYPE pair AS (a int); CREATE TABLE t (p pair);
      CREATE FUNCTION shown(pair) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$`,
    sql: 'SELECT to_json(p) FROM t',
    change: 'CREATE CAST (pair AS json) WITH FUNCTION shown(pair)',
  },
  {
    title: 'a constraint that a domain gets',
    setup:
      'CREATE DOMAIN code AS text; CREATE FUNCTION f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$; CREATE TABLE t (a text)',
    sql: 'SELECT a::code FROM t',
    change: 'ALTER DOMAIN code ADD CHECK (f(VALUE))',
  },
  {
    title: 'a constraint of a domain inside a type',
    setup: `CREATE DOMAIN code AS text; CREATE TYPE coded AS (id int); CREATE TABLE t (a text);
      CREATE FUNCTION f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$; ALTER DOMAIN code ADD CHECK (f(VALUE))`,
    sql: 'SELECT a::coded FROM t',
    change: 'ALTER TYPE coded ADD ATTRIBUTE c code',
  },
  {
    title: 'a value that an enumeration gets',
    setup: `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood)`,
    sql: "SELECT m = 'sad' FROM t",
    change: "ALTER TYPE mood ADD VALUE 'happy'",
    same: 'kept',
  },
  {
    title: 'a column that is added',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT * FROM t',
    change: 'ALTER TABLE t ADD COLUMN email text',
  },
  {
    title: 'a column that is renamed',
    setup: 'CREATE TABLE t (id int, name text, email text)',
    sql: 'SELECT id, name FROM t',
    settings: protect('t.email'),
    change: 'ALTER TABLE t RENAME COLUMN email TO mail',
  },
  {
    title: 'two columns that change their names',
    setup: 'CREATE TABLE t (id int, name text, email text)',
    sql: 'SELECT t FROM t WHERE id = 1',
    settings: { protect: ['t.email'], predicates: 'deny' },
    change:
      'ALTER TABLE t RENAME COLUMN email TO x; ALTER TABLE t RENAME COLUMN id TO email; ALTER TABLE t RENAME COLUMN x TO id',
  },
  {
    title: 'a protected column that is dropped and made again at another place',
    setup: 'CREATE TABLE t (id int, email text, name text)',
    sql: 'SELECT t, * FROM t',
    settings: protect('t.email'),
    change: 'ALTER TABLE t DROP COLUMN email; ALTER TABLE t ADD COLUMN email text',
  },
  {
    title: 'a column of another type',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t WHERE id = $1',
    params: [1],
    change: 'ALTER TABLE t ALTER COLUMN id TYPE text',
  },
  {
    title: 'a table that is dropped and made again',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'DROP TABLE t; CREATE TABLE t (id int)',
  },
  {
    title: 'a table that is gone',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'DROP TABLE t',
  },
  {
    title: 'a table that comes first on the search path',
    setup: 'CREATE TABLE t (id int)',
    sql: 'SELECT id FROM t',
    change: 'CREATE TABLE app.t (id int)',
  },
  {
    title: 'a schema that the role may no longer look into',
    setup: 'CREATE TABLE t (id int); CREATE TABLE app.t (id int)',
    sql: 'SELECT id FROM t',
    change: 'REVOKE USAGE ON SCHEMA app FROM gate_ro',
  },
  {
    title: 'a table that is called differently, with another in its place',
    setup: 'CREATE TABLE t (id int, email text); CREATE TABLE u (id int, email text)',
    sql: 'SELECT email FROM u',
    settings: protect('t.email'),
    change: 'ALTER TABLE u RENAME TO x; ALTER TABLE t RENAME TO u; ALTER TABLE x RENAME TO t',
  },
  {
    title: 'a schema of another name',
    setup: 'CREATE TABLE app.t (id int)',
    sql: 'SELECT id FROM t',
    change: 'ALTER SCHEMA app RENAME TO apps; CREATE SCHEMA app',
  },
  {
    title: 'a table that becomes a partition of one with a protected column',
    setup: 'CREATE TABLE e (id int, actor text) PARTITION BY LIST (id); CREATE TABLE t (id int, actor text)',
    sql: 'SELECT actor FROM t',
    settings: protect('e.actor'),
    change: 'ALTER TABLE e ATTACH PARTITION t FOR VALUES IN (1)',
  },
  {
    title: 'a table that becomes an heir of one with a protected column',
    setup: 'CREATE TABLE p (id int, phone text); CREATE TABLE t (id int, phone text)',
    sql: 'SELECT phone FROM t',
    settings: protect('p.phone'),
    change: 'ALTER TABLE t INHERIT p',
  },
  {
    title: 'an heir with a protected column that a parent gets',
    setup: 'CREATE TABLE t (id int, phone text); CREATE TABLE p (id int, phone text)',
    sql: 'SELECT phone FROM t',
    settings: protect('p.phone'),
    change: 'ALTER TABLE p INHERIT t',
  },
  {
    title: 'a partition whose rows a trigger looks at',
    setup: `CREATE TABLE e (id int) PARTITION BY LIST (id); CREATE TABLE e1 (id int);
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER look AFTER DELETE ON e1 FOR EACH ROW EXECUTE FUNCTION f()`,
    sql: 'DELETE FROM e WHERE id = 1',
    change: 'ALTER TABLE e ATTACH PARTITION e1 FOR VALUES IN (1)',
  },
  {
    title: 'a trigger that a table gets',
    setup:
      'CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    sql: 'INSERT INTO t VALUES (1)',
    change: 'CREATE TRIGGER look AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()',
  },
  {
    title: 'a trigger that is switched on',
    setup: `CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER look AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t DISABLE TRIGGER look`,
    sql: 'INSERT INTO t VALUES (1)',
    change: 'ALTER TABLE t ENABLE TRIGGER look',
  },
  {
    title: 'the function of a trigger',
    setup: `CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER look AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()`,
    sql: 'UPDATE t SET id = 2 WHERE id = 1',
    change:
      'CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; RETURN NULL; END $$',
  },
  {
    title: 'a trigger that a table behind a foreign key gets',
    setup: `CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE c (t int REFERENCES t ON DELETE CASCADE);
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    sql: 'DELETE FROM t WHERE id = 1',
    change: 'CREATE TRIGGER look AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION f()',
  },
  {
    title: 'a rule that a table gets',
    setup: 'CREATE TABLE t (id int); CREATE TABLE log (id int)',
    sql: 'INSERT INTO t VALUES (1)',
    change: 'CREATE RULE also AS ON INSERT TO t DO ALSO DELETE FROM log',
  },
  {
    title: 'a rule that is replaced',
    setup: 'CREATE TABLE t (id int); CREATE TABLE log (id int); CREATE RULE also AS ON DELETE TO t DO ALSO NOTIFY x',
    sql: 'DELETE FROM t WHERE id = 1',
    change: 'CREATE OR REPLACE RULE also AS ON DELETE TO t DO ALSO DELETE FROM log',
  },
  {
    title: 'a foreign key that makes a delete spread',
    setup: 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE c (t int)',
    sql: 'DELETE FROM t WHERE id = 1',
    change: 'ALTER TABLE c ADD FOREIGN KEY (t) REFERENCES t ON DELETE CASCADE',
  },
  {
    title: 'a foreign key further away that makes a delete spread',
    setup:
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE); CREATE TABLE d (c int)',
    sql: 'DELETE FROM t WHERE id = 1',
    change: 'ALTER TABLE d ADD FOREIGN KEY (c) REFERENCES c ON DELETE CASCADE',
  },
  {
    title: 'a unique index over a protected column',
    setup: 'CREATE TABLE t (id int, email text)',
    sql: "INSERT INTO t (id, email) VALUES (1, 'x')",
    settings: protect('t.email'),
    change: 'CREATE UNIQUE INDEX ON t (email)',
  },
  {
    title: 'a check that compares with a protected column',
    setup: 'CREATE TABLE t (id int, salary int)',
    sql: 'UPDATE t SET id = 2 WHERE id = 1',
    settings: protect('t.salary'),
    change: 'ALTER TABLE t ADD CHECK (id < salary)',
  },
  {
    title: 'a default that calls a function',
    setup: 'CREATE TABLE t (id int, a text); CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 1::text $$',
    sql: 'INSERT INTO t (id) VALUES (1)',
    change: 'ALTER TABLE t ALTER COLUMN a SET DEFAULT f()',
  },
  {
    title: 'a generated column that is made of another one',
    setup: 'CREATE TABLE t (id int, name text, email text, g text GENERATED ALWAYS AS (lower(name)) STORED)',
    sql: 'SELECT g FROM t',
    settings: protect('t.email'),
    change: 'ALTER TABLE t DROP COLUMN g; ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (lower(email)) STORED',
  },
  {
    title: 'a generated column of another expression under the same number',
    setup: 'CREATE TABLE t (id int, name text, email text, g text GENERATED ALWAYS AS (lower(name)) STORED)',
    sql: 'SELECT g FROM t',
    settings: protect('t.email'),
    // What ALTER COLUMN ... SET EXPRESSION of PostgreSQL 17 does, on every major.
    change: `SET allow_system_table_mods = on; CREATE TABLE u (id int, name text, email text, g text GENERATED ALWAYS AS (lower(email)) STORED);
      UPDATE pg_attrdef SET adbin = (SELECT adbin FROM pg_attrdef WHERE adrelid = 'u'::regclass) WHERE adrelid = 't'::regclass`,
  },
  {
    title: 'row security that is switched on, and calls a function',
    setup: `CREATE TABLE t (id int); CREATE FUNCTION f(int) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
      CREATE POLICY own ON t USING (f(id))`,
    sql: 'SELECT id FROM t',
    change: 'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
  },
  {
    title: 'a policy that is added',
    setup: `CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
      CREATE FUNCTION f(int) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$`,
    sql: 'SELECT id FROM t',
    change: 'CREATE POLICY own ON t USING (f(id))',
  },
  {
    title: 'a policy that is altered',
    setup: `CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (id = 1);
      CREATE FUNCTION f(int) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$`,
    sql: 'SELECT id FROM t',
    change: 'ALTER POLICY own ON t USING (f(id))',
  },
  {
    title: 'an extension whose function comes first on the search path',
    setup: 'CREATE FUNCTION unaccent(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$',
    sql: "SELECT unaccent('x'::text)",
    change: 'CREATE EXTENSION unaccent SCHEMA app',
  },
  {
    title: 'a function that no longer belongs to its extension',
    setup: 'CREATE EXTENSION unaccent SCHEMA app',
    sql: "SELECT unaccent('x'::text)",
    change: 'ALTER EXTENSION unaccent DROP FUNCTION app.unaccent(text)',
  },
  {
    title: 'a key by which ON CONFLICT ON CONSTRAINT compares',
    setup: 'CREATE TABLE t (id int, email text, CONSTRAINT k UNIQUE (id))',
    sql: "INSERT INTO t (id, email) VALUES (1, 'x') ON CONFLICT ON CONSTRAINT k DO NOTHING",
    settings: protect('t.email'),
    change: 'ALTER TABLE t DROP CONSTRAINT k; ALTER TABLE t ADD CONSTRAINT k UNIQUE (id, email)',
  },
  {
    title: 'an heir of an heir, whose parent in between gets the protected column only now',
    setup: `CREATE TABLE u (id int, phone text); CREATE TABLE y () INHERITS (u); CREATE TABLE w (id int, phone text);
      INSERT INTO w VALUES (1, 'known'); CREATE TABLE x (id int); ALTER TABLE w INHERIT x`,
    sql: 'SELECT phone FROM u',
    settings: protect('w.phone'),
    change: 'ALTER TABLE x ADD COLUMN phone text; ALTER TABLE x INHERIT y',
  },
  {
    title: 'a partition with a protected column at the third level',
    setup: `CREATE TABLE u (id int, phone text) PARTITION BY LIST (id); CREATE TABLE y PARTITION OF u FOR VALUES IN (1, 2) PARTITION BY LIST (id);
      CREATE TABLE w (id int, phone text); INSERT INTO w VALUES (1, 'known')`,
    sql: 'SELECT phone FROM u',
    settings: protect('w.phone'),
    change: 'ALTER TABLE y ATTACH PARTITION w FOR VALUES IN (1)',
  },
  {
    title: 'a role with a policy that the reader is no longer a member of',
    setup: `CREATE ROLE reader_of_t; GRANT reader_of_t TO gate_ro; CREATE TABLE t (id int); INSERT INTO t VALUES (1);
      ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY theirs ON t TO reader_of_t USING (true)`,
    sql: 'SELECT id FROM t',
    change: 'REVOKE reader_of_t FROM gate_ro',
  },
  {
    title: 'a reader that row security holds for from now on',
    setup: `ALTER ROLE gate_ro BYPASSRLS; CREATE TABLE t (id int); INSERT INTO t VALUES (1);
      ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE VIEW v WITH (security_invoker) AS SELECT id FROM t`,
    sql: 'SELECT id FROM v',
    change: 'ALTER ROLE gate_ro NOBYPASSRLS',
  },
  {
    title: 'a type of several values that gets one more',
    setup: 'CREATE TYPE pair AS (a int); CREATE TABLE t (p pair); INSERT INTO t VALUES (ROW (1))',
    sql: 'SELECT (p).* FROM t',
    change: 'ALTER TYPE pair ADD ATTRIBUTE b int',
  },
  {
    title: 'a type of several values, inside of a function of the server, with another name for one of them',
    setup: 'CREATE TYPE pair AS (a int); CREATE TABLE t (p pair[]); INSERT INTO t VALUES (ARRAY[ROW (1)::pair])',
    sql: 'SELECT u.* FROM t, unnest(t.p) AS u',
    change: 'ALTER TYPE pair RENAME ATTRIBUTE a TO b',
  },
  {
    title: 'a cast of a type of theirs',
    setup: `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood); CREATE FUNCTION f(mood) RETURNS text LANGUAGE sql AS $$ SELECT 'f' $$`,
    sql: 'SELECT m::text FROM t',
    change: 'CREATE CAST (mood AS text) WITH FUNCTION f(mood)',
  },
  {
    title: 'an order of a type of theirs',
    setup: `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (m mood); INSERT INTO t VALUES ('sad'), ('happy');
      CREATE FUNCTION f(mood, mood) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT enum_cmp($2, $1) $$;
      CREATE FUNCTION lt(mood, mood) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT f($1, $2) < 0 $$;
      CREATE FUNCTION le(mood, mood) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT f($1, $2) <= 0 $$;
      CREATE FUNCTION gt(mood, mood) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT f($1, $2) > 0 $$;
      CREATE FUNCTION ge(mood, mood) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT f($1, $2) >= 0 $$;
      CREATE OPERATOR <| (LEFTARG = mood, RIGHTARG = mood, FUNCTION = lt); CREATE OPERATOR <=| (LEFTARG = mood, RIGHTARG = mood, FUNCTION = le);
      CREATE OPERATOR >| (LEFTARG = mood, RIGHTARG = mood, FUNCTION = gt); CREATE OPERATOR >=| (LEFTARG = mood, RIGHTARG = mood, FUNCTION = ge);
      CREATE OPERATOR FAMILY backwards USING btree; ALTER OPERATOR FAMILY backwards USING btree ADD OPERATOR 1 <| (mood, mood),
      OPERATOR 2 <=| (mood, mood), OPERATOR 3 = (anyenum, anyenum), OPERATOR 4 >=| (mood, mood), OPERATOR 5 >| (mood, mood), FUNCTION 1 (mood, mood) f(mood, mood)`,
    sql: 'SELECT m FROM t ORDER BY m',
    change: 'CREATE OPERATOR CLASS backwards DEFAULT FOR TYPE mood USING btree FAMILY backwards AS STORAGE mood',
  },
  {
    title: 'a cast between types of the server',
    setup: `CREATE TABLE t (a int); CREATE FUNCTION f(int) RETURNS text LANGUAGE sql AS $$ SELECT 'f' $$`,
    sql: 'SELECT a::text FROM t',
    change: 'CREATE CAST (int AS text) WITH FUNCTION f(int)',
  },
  {
    title: 'a function that is called as a column was',
    setup: 'CREATE TABLE t (id int, a text)',
    sql: 'SELECT a(t) FROM t',
    change: 'CREATE FUNCTION a(t) RETURNS text LANGUAGE sql AS $$ SELECT 1::text $$',
  },
  {
    title: 'a function that is called as a conversion was',
    setup: 'CREATE TABLE t (a varchar)',
    sql: 'SELECT text(a) FROM t',
    change: 'CREATE FUNCTION text(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 1::text $$',
  },
  {
    title: 'a type that is called as a function was',
    setup: 'CREATE TABLE t (a varchar)',
    sql: 'SELECT lower(a) FROM t',
    change: 'CREATE DOMAIN lower AS text CHECK (length(VALUE) > 0)',
    same: 'judged anew',
  },
  {
    title: 'a type that comes first on the search path, named in a list of columns',
    setup: `CREATE TYPE mood AS ENUM ('sad')`,
    sql: `SELECT m FROM json_to_recordset('[{"m": "sad"}]') AS r (m mood)`,
    change: `CREATE FUNCTION f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$; CREATE DOMAIN app.mood AS text CHECK (f(VALUE))`,
  },
  {
    title: 'a type that comes first on the search path, in a conversion to the type that a value has',
    setup: `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (m mood)`,
    sql: 'SELECT m::mood FROM t',
    change: `CREATE FUNCTION f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$; CREATE DOMAIN app.mood AS text CHECK (f(VALUE))`,
  },
  {
    title: 'a key that a grouping depends on',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a text)',
    sql: 'SELECT id, a FROM t GROUP BY id',
    change: 'ALTER TABLE t DROP CONSTRAINT t_pkey',
  },
  {
    title: 'a function of the server that is declared to be another kind',
    setup: 'CREATE TABLE t (a text)',
    sql: 'SELECT initcap(a) FROM t',
    change: 'ALTER FUNCTION pg_catalog.initcap(text) COST 2',
    same: 'judged anew',
  },
  {
    title: 'a column that is protected from now on',
    setup: 'CREATE TABLE t (id int, email text)',
    sql: 'SELECT email FROM t',
    reload: protect('t.email'),
  },
  {
    title: 'a function that is trusted no longer',
    setup: 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    sql: 'SELECT f(1)',
    settings: { trustedFunctions: ['public.f'] },
    reload: { trustedFunctions: [] },
  },
  {
    title: 'another answer to protected columns in predicates',
    setup: 'CREATE TABLE t (id int, email text)',
    sql: "SELECT id FROM t WHERE email LIKE 'a%'",
    settings: { ...protect('t.email'), predicates: 'allow' },
    reload: { ...protect('t.email'), predicates: 'deny' },
  },
  {
    title: 'another search path',
    setup: 'CREATE TABLE t (id int); CREATE TABLE app.t (id int)',
    sql: 'SELECT id FROM t',
    reload: { searchPath: ['public'] },
  },
  {
    title: 'EXPLAIN over a view that is replaced',
    setup: 'CREATE TABLE t (id int, name text, email text); CREATE VIEW v AS SELECT id, name FROM t',
    sql: "EXPLAIN SELECT id FROM v WHERE name = 'x'",
    settings: protect('t.email'),
    change: 'CREATE OR REPLACE VIEW v AS SELECT id, email AS name FROM t',
  },
]
