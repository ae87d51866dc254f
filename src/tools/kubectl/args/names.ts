/** RFC 1123 label, as namespaces and containers are named. */
export function isNamespaceName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(text)
}

/**
 * The name of an object: an RFC 1123 subdomain, and the colons and capitals that roles and the like may have. Never a
 * path segment that means something: no slash, no percent sign, no dot alone.
 */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z0-9](?:[-A-Za-z0-9.:_]*[A-Za-z0-9])?$/.test(text) && !text.includes('..')
}

/** `pods`, `Pod`, `deploy`, `deployments.apps`, `deployments.v1.apps`: ASCII, so that no other letter looks like one. */
export function isTypeName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z][A-Za-z0-9-]*(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text)
}

/** The key of a label or an annotation: `app`, `app.kubernetes.io/name`. */
export function isLabelKey(text: string): boolean {
  const [name = '', prefix, ...more] = text.split('/').reverse()
  if (more.length > 0 || !isLabelWord(name) || name === '') return false
  return prefix === undefined || (prefix.length <= 253 && isSubdomain(prefix))
}

export function isLabelValue(text: string): boolean {
  return text === '' || isLabelWord(text)
}

function isLabelWord(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text)
}

function isSubdomain(text: string): boolean {
  return text.split('.').every((label) => isNamespaceName(label))
}
