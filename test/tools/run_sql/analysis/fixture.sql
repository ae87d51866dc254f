-- What the analysis tests run against: one object of every kind that can carry a protected value or run code.
CREATE EXTENSION citext;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE EXTENSION unaccent;
CREATE EXTENSION intarray;
CREATE EXTENSION fuzzystrmatch;
CREATE EXTENSION cube;
CREATE EXTENSION earthdistance;
CREATE EXTENSION btree_gist;
CREATE EXTENSION tablefunc;
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION pageinspect;

CREATE SCHEMA crm;
CREATE SCHEMA ext_like;

CREATE TABLE users (
  id int PRIMARY KEY,
  name text NOT NULL,
  email text UNIQUE,
  ssn varchar(20),
  org int,
  active boolean NOT NULL DEFAULT true,
  tags text[],
  profile jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  email_domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED
);
INSERT INTO users (id, name, email, ssn, org)
  SELECT g, 'name' || g, 'user' || g || '@corp.example', '123-45-' || lpad(g::text, 4, '0'), g % 3 FROM generate_series(1, 20) g;
CREATE TABLE orgs (id int PRIMARY KEY, name text NOT NULL, parent int REFERENCES orgs);
INSERT INTO orgs SELECT g, 'org' || g, NULL FROM generate_series(0, 3) g;
CREATE TABLE orders (
  id serial PRIMARY KEY,
  user_id int REFERENCES users ON DELETE CASCADE ON UPDATE SET NULL,
  total numeric NOT NULL DEFAULT 0 CHECK (total >= 0),
  note text,
  placed date DEFAULT current_date
);
INSERT INTO orders (user_id, total, note) SELECT 1 + g % 20, g * 10, 'note' || g FROM generate_series(1, 50) g;
CREATE TABLE order_items (order_id int REFERENCES orders ON DELETE CASCADE, sku text, qty int);
CREATE TABLE order_audit (order_id int, what text, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE jobs (id int PRIMARY KEY, state text, payload jsonb, started timestamptz);
INSERT INTO jobs SELECT g, 'done', '{"a": 1}', now() FROM generate_series(1, 10) g;

-- views of views, a view whose own predicate is on a protected column, a materialised view, a recursive one
CREATE VIEW v_users AS SELECT id, name, email AS contact FROM users;
CREATE VIEW v_v_users AS SELECT id, upper(contact) AS c2 FROM v_users;
CREATE VIEW v_names AS SELECT id, name FROM users;
CREATE VIEW v_corp AS SELECT id, name FROM users WHERE email LIKE '%@corp.example';
CREATE VIEW v_counts AS SELECT org, count(*) AS members, max(email) AS last_email FROM users GROUP BY org;
CREATE MATERIALIZED VIEW m_users AS SELECT id, lower(email) AS mail, name FROM users;
CREATE MATERIALIZED VIEW m_of_view AS SELECT c2, id FROM v_v_users;
CREATE RECURSIVE VIEW v_tree (id, path) AS
  SELECT id, name FROM orgs WHERE parent IS NULL UNION ALL SELECT o.id, t.path || '/' || o.name FROM orgs o JOIN v_tree t ON o.parent = t.id;
CREATE VIEW v_union AS SELECT name AS a, email AS b FROM users UNION ALL SELECT note, 'x' FROM orders;

-- partitions and inheritance
CREATE TABLE events (id int, at date NOT NULL, actor_email text, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 (kind text, actor_email text, id int, at date NOT NULL);
ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE people (id int, phone text);
CREATE TABLE employees (salary numeric) INHERITS (people);

-- row security
CREATE TABLE tenants_docs (id int, tenant text, body text);
ALTER TABLE tenants_docs ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION is_tenant(t text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT t = current_setting('app.tenant', true) $$;
CREATE POLICY own ON tenants_docs USING (is_tenant(tenant));
CREATE TABLE plain_rls (id int, owner name);
ALTER TABLE plain_rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON plain_rls USING (owner = current_user);
CREATE TABLE members (team int, person text);
CREATE TABLE member_docs (id int, team int);
ALTER TABLE member_docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON member_docs USING (EXISTS (
  SELECT FROM members m WHERE m.team = member_docs.team AND is_tenant(member_docs.team::text) AND m.person = current_user
));

-- functions, operators, casts, domains, types, aggregates
CREATE FUNCTION slugify(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(regexp_replace(t, '[^a-zA-Z0-9]+', '-', 'g')) $$;
CREATE FUNCTION delete_jobs() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM jobs; RETURN 1; END $$;
CREATE FUNCTION liar() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_advisory_lock(4242); RETURN 1; END $$;
CREATE FUNCTION users_email(users) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.email $$;
CREATE FUNCTION all_emails() RETURNS TABLE (e text) LANGUAGE sql STABLE AS $$ SELECT email FROM users $$;
CREATE FUNCTION length(varchar) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'length'); RETURN 1; END $$;
CREATE FUNCTION ext_like.digest(text, text) RETURNS bytea LANGUAGE sql AS $$ SELECT '\x00'::bytea $$;
CREATE FUNCTION op_notify(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'op'); RETURN $1 + $2; END $$;
CREATE OPERATOR public.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = op_notify);
CREATE FUNCTION eq_oracle(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 LIKE $2; END $$;
CREATE OPERATOR public.=~= (LEFTARG = text, RIGHTARG = text, FUNCTION = eq_oracle);
CREATE FUNCTION odd_less(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_notify('evil', 'less'); RETURN $1 < $2; END $$;
CREATE OPERATOR public.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = odd_less);
CREATE OPERATOR CLASS odd_ops FOR TYPE int USING btree AS OPERATOR 1 <<<, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int);
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION int_to_pair(int) RETURNS pair LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'cast'); RETURN ROW($1, 'x')::pair; END $$;
CREATE CAST (int AS pair) WITH FUNCTION int_to_pair(int);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE FUNCTION check_code(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'domain'); RETURN true; END $$;
CREATE DOMAIN code AS text CHECK (check_code(VALUE));
CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN code_twice AS code CHECK (VALUE <> '');
CREATE TYPE coded AS (id int, c code);
CREATE TYPE pair_json AS (a int);
CREATE FUNCTION pair_json_cast(pair_json) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'json'); RETURN '{}'::json; END $$;
CREATE CAST (pair_json AS json) WITH FUNCTION pair_json_cast(pair_json);
CREATE FUNCTION add_up(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('evil', 'agg'); RETURN coalesce($1, 0) + $2; END $$;
CREATE AGGREGATE my_sum(int) (SFUNC = add_up, STYPE = int);
CREATE AGGREGATE my_rank(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE TYPE floatspan AS RANGE (SUBTYPE = float8);
CREATE PROCEDURE purge() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM jobs; END $$;
CREATE VIEW v_side AS SELECT delete_jobs() AS n;
CREATE SEQUENCE ticket;

-- triggers, rules, updatable views, defaults and checks that call code
CREATE FUNCTION audit_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO order_audit VALUES (coalesce(NEW.id, OLD.id), TG_OP); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION audit_order();
CREATE TABLE ruled (id int, note text);
CREATE RULE also_jobs AS ON INSERT TO ruled DO ALSO DELETE FROM jobs;
CREATE TABLE defaulted (id int DEFAULT nextval('ticket'), code text DEFAULT slugify('A b'), n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE checked (id int CHECK (op_notify(id, 1) > 0), c code);
CREATE TABLE indexed (id int, a int, b int);
CREATE INDEX ON indexed ((a + liar()));
CREATE INDEX ON indexed (b) WHERE odd_less(b, 3);
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a + liar()) STORED);
CREATE VIEW v_jobs AS SELECT id AS job, state FROM jobs WHERE state <> 'deleted';
CREATE VIEW v_instead AS SELECT id, state FROM jobs;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM jobs; RETURN NULL; END $$;
CREATE TRIGGER instead_of INSTEAD OF DELETE ON v_instead FOR EACH ROW EXECUTE FUNCTION instead();
CREATE TABLE contacts (id int PRIMARY KEY, user_email text REFERENCES users (email) ON UPDATE CASCADE, note text);
CREATE TABLE nodes (id int PRIMARY KEY, parent int REFERENCES nodes ON DELETE CASCADE);
CREATE TABLE ci (id int, handle citext, attrs hstore, path ltree, nums int[]);

-- awkward names
CREATE TABLE crm."Odd Table" ("a b" int, ":varattno" text, "})" text, "back\slash" text);
CREATE TABLE crm.users (id int, email text);

-- foreign tables
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'x');
CREATE FOREIGN TABLE remote_orders (id int, total numeric) SERVER elsewhere;

INSERT INTO crm.users SELECT g, 'user' || g || '@corp.example' FROM generate_series(1, 9) g;
INSERT INTO events SELECT g, date '2025-06-01' + g * 30, 'user' || g || '@corp.example', 'kind' || g FROM generate_series(1, 12) g;
INSERT INTO employees SELECT g, '555-' || g, g * 100 FROM generate_series(1, 5) g;
REFRESH MATERIALIZED VIEW m_users;
REFRESH MATERIALIZED VIEW m_of_view;

CREATE ROLE gate LOGIN;
GRANT USAGE ON SCHEMA crm, ext_like TO gate;
GRANT ALL ON ALL TABLES IN SCHEMA public, crm TO gate;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gate;
