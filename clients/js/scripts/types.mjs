// src/openapi.ts is made from the contract. Without --write it is compared: a contract that has changed fails the check.
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const contract = new URL('../../../openapi.yaml', import.meta.url)
const file = new URL('../src/openapi.ts', import.meta.url)
const made = `// Made from openapi.yaml by scripts/types.mjs; npm run types makes it anew.\n\n${astToString(await openapiTS(contract, { defaultNonNullable: false }))}`
if (process.argv.includes('--write')) {
  writeFileSync(file, made)
} else if (readFileSync(file, 'utf8') !== made) {
  console.error('clients/js/src/openapi.ts is not what openapi.yaml says: (cd clients/js && npm ci && npm run types)')
  process.exit(1)
}
