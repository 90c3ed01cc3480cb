// A stand-in for Stripe.js (docs.stripe.com/js), for pages that are played with the simulator. It has the names, the arguments and
// the results of what it has of it; a card's fields stand in the page itself, since no card here is real. The files of this folder are
// served as one script, in one function.

const base = new URL(document.currentScript.src).origin
const VERSION = '2026-09-30.endive'

class IntegrationError extends Error {
  constructor(message) {
    super(message)
    this.name = 'IntegrationError'
  }
}
const wrong = (message) => {
  throw new IntegrationError(message)
}
const invalid = (code, message) => ({ error: { type: 'validation_error', code, message } })

/** The id that a client secret begins with. */
function idOf(secret, ...prefixes) {
  const id = typeof secret === 'string' ? secret.split('_secret_')[0] : ''
  const fits = id !== secret && prefixes.some((prefix) => id.startsWith(`${prefix}_`))
  return fits ? id : wrong(`A client secret of the form ${prefixes.join('_…_secret_… or ')}_…_secret_… is needed.`)
}

/** Writes nested parameters as Stripe's API reads them. */
function encode(value, name = '', into = new URLSearchParams()) {
  if (value === undefined || value === null) return into
  if (typeof value !== 'object') into.append(name, value)
  else for (const key of Object.keys(value)) encode(value[key], name ? `${name}[${key}]` : key, into)
  return into
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
