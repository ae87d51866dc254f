import { writeErrors } from './writeErrors.ts'
import { writeSchemas } from './writeSchemas.ts'

// The generated parts of docs/. Tests fail when they are stale: run `npm run docs` after changing what they come from.
writeErrors()
writeSchemas()
