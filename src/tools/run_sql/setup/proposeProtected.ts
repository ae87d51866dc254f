import type { DatabaseSchema } from './readSchema.ts'

/** Words of a column's name that people use for what others should not read. Compared word by word, never as a part. */
const TELLING: ReadonlySet<string> = new Set(
  `email mail phone mobile fax ssn sin nino nif dni passport iban bic card pan cvv cvc password passwd pwd passphrase
   secret token apikey salt otp mfa totp credential credentials birthday birthdate dob salary wage tax taxid vat address
   street postcode zip zipcode surname lastname firstname fullname ip useragent latitude longitude diagnosis`.split(
    /\s+/,
  ),
)
/** Two words in a row. */
const TELLING_PAIRS: ReadonlySet<string> = new Set(
  `api key|private key|access key|secret key|birth date|date of|last name|first name|full name|social security|credit card
   |card number|account number|bank account|tax id|national id|ip address|user agent|reset token|session id|bearer token`
    .split('|')
    .map((pair) => pair.trim()),
)
/** What cannot hold a secret of a person: flags, times of the row itself, counters. */
const HARMLESS_TYPE = /^(?:boolean|smallint)$/
const HARMLESS_NAME = /^(?:is|has|num|count|n)_|_(?:id|at|count|verified|confirmed|enabled|sent)$/

/**
 * Columns that look as if they should be protected, by their names, as `schema.table.column`. A proposal for a person to
 * correct: it finds no secret in a column called `notes`. Only names that `protect` can write are proposed.
 */
export function proposeProtected({ tables }: DatabaseSchema): readonly string[] {
  return tables.flatMap(({ schema, name, columns }) =>
    columns
      .filter(
        (column) => isTelling(column.name) && !HARMLESS_TYPE.test(column.type) && !HARMLESS_NAME.test(column.name),
      )
      .map((column) => [schema, name, column.name])
      .filter((parts) => parts.every((part) => /^[^.\s]+$/.test(part)))
      .map((parts) => parts.join('.')),
  )
}

function isTelling(name: string): boolean {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  return words.some((word, index) => TELLING.has(word) || TELLING_PAIRS.has(`${word} ${words[index + 1] ?? ''}`))
}
