/**
 * What is harmless in common extensions, by the extension's own name and the function's. Membership is proven with
 * pg_depend: a function of another owner that merely has such a name is not in here.
 */
interface ExtensionRule {
  /** `all` of it, or these names. */
  readonly harmless: 'all' | ReadonlySet<string> | RegExp
  readonly except?: ReadonlySet<string>
  readonly denied?: 'all' | ReadonlySet<string>
}

const names = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/))

const EXTENSIONS: ReadonlyMap<string, ExtensionRule> = new Map<string, ExtensionRule>([
  ['citext', { harmless: 'all' }],
  ['pgcrypto', { harmless: names('digest hmac crypt gen_salt gen_random_bytes gen_random_uuid armor dearmor') }],
  ['pg_trgm', { harmless: 'all', except: names('set_limit') }],
  ['unaccent', { harmless: 'all' }],
  ['hstore', { harmless: 'all' }],
  ['ltree', { harmless: 'all' }],
  ['intarray', { harmless: 'all' }],
  ['fuzzystrmatch', { harmless: 'all' }],
  ['uuid-ossp', { harmless: 'all' }],
  ['cube', { harmless: 'all' }],
  ['seg', { harmless: 'all' }],
  ['isn', { harmless: 'all', except: names('isn_weak') }],
  ['earthdistance', { harmless: 'all' }],
  ['btree_gist', { harmless: 'all' }],
  ['btree_gin', { harmless: 'all' }],
  ['vector', { harmless: 'all' }],
  [
    'postgis',
    {
      // Everything that computes with shapes; not what reads tables or statistics named in a string, or alters them.
      harmless:
        /^(_?st_|geometry|geography|box[23]d|gserialized|gidx|overlaps_|contains_|is_contained_|equals$|bytea$|text$|json$|jsonb$|path$|point$|polygon$)/,
      except: names('st_estimatedextent st_findextent _st_estimatedextent'),
    },
  ],
  ['tablefunc', { harmless: names('normal_rand'), denied: names('crosstab crosstab2 crosstab3 crosstab4 connectby') }],
  ['dblink', { harmless: names(''), denied: 'all' }],
  ['adminpack', { harmless: names(''), denied: 'all' }],
  ['pageinspect', { harmless: names(''), denied: 'all' }],
  ['pg_walinspect', { harmless: names(''), denied: 'all' }],
  ['pg_surgery', { harmless: names(''), denied: 'all' }],
  ['pg_stat_statements', { harmless: names(''), denied: 'all' }],
  ['xml2', { harmless: names(''), denied: names('xpath_table xslt_process') }],
])

export type ExtensionVerdict = 'harmless' | 'denied' | 'unlisted'

export function judgeExtensionFunction(extension: string, name: string): ExtensionVerdict {
  const rule = EXTENSIONS.get(extension)
  if (rule === undefined) return 'unlisted'
  if (rule.denied === 'all' || rule.denied?.has(name)) return 'denied'
  if (rule.except?.has(name)) return 'unlisted'
  if (rule.harmless === 'all') return 'harmless'
  const listed = rule.harmless instanceof RegExp ? rule.harmless.test(name) : rule.harmless.has(name)
  return listed ? 'harmless' : 'unlisted'
}
