// The checkout, minified, has fewer than 8 kB: what it adds to a page that talks to the server already. Subscriptions are a part of
// their own.
import { build } from 'esbuild'

const LIMIT = 8000
/** What subscriptions add to that. */
const SUBSCRIPTIONS = 2500

async function size(contents, external = []) {
  const resolveDir = new URL('..', import.meta.url).pathname
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2020', write: false }
  const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir }, external })
  return outputFiles[0].contents.length
}

const checkout = "export { createCheckout } from './src/checkout.ts'"
const part = await size(checkout, ['./client.js'])
const whole = await size(`${checkout}; export { SoukClient, SoukError } from './src/client.ts'`)
console.log(`minified: the checkout ${part} bytes of ${LIMIT}; with the client ${whole}`)
const subscriptions = await size("export { Subscriptions } from './src/subscriptions.ts'", ['./client.js', './flow.js', './outcome.js'])
console.log(`minified: subscriptions ${subscriptions} bytes of ${SUBSCRIPTIONS}`)
if (subscriptions >= SUBSCRIPTIONS) {
  console.error(`clients/js: subscriptions have ${subscriptions} bytes minified, and must stay below ${SUBSCRIPTIONS}`)
  process.exit(1)
}
if (part >= LIMIT) {
  console.error(`clients/js: the checkout has ${part} bytes minified, and must stay below ${LIMIT}`)
  process.exit(1)
}
