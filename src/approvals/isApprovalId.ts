const ID = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

/** Whether a text from outside has the form of an approval id. Says nothing about whether one exists. */
export function isApprovalId(text: string): boolean {
  return ID.test(text)
}
