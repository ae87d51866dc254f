/** Whether a value stands where a secret would be, and is none: `***`, `${DB_PASSWORD}`, `<password>`, `null`. */
export function isStandIn(value: string): boolean {
  return (
    value === '' ||
    /^[*•xX.?_#-]{1,256}$/.test(value) ||
    /^(?:\$\{[^}]{1,120}\}|\$\([^)]{1,120}\)|\$[A-Z_][A-Z0-9_]{0,120}|%[A-Z_][A-Z0-9_]{0,120}%|\{\{[^}]{1,120}\}\}|<[^>]{1,120}>|\[masked:[^\]]{1,200}\]?)$/.test(
      value,
    ) ||
    /^(?:null|nil|none|undefined|true|false|redacted|masked|hidden|empty|unset|n\/a|required|optional)$/i.test(value)
  )
}
