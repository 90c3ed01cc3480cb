// Others act at Stripe on a seller's account, with npm `stripe` and the official Stripe CLI, while a Souk runs that hears of it by
// its webhooks alone: nobody asks it to verify anything.
//
// usage: CONFORMANCE=FOLDER node souk.mjs SOUK [STRIPE_CLI]
//
// SOUK is the server's binary, which runs with simulated money; FOLDER has npm's `stripe`. Without a CLI only npm `stripe` acts.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const Stripe = createRequire(process.env.CONFORMANCE + '/')('stripe')
const program = resolve(process.argv[2])
const cli = process.argv[3]
const SELLER = 'sel_00000000000070008000000000000001'
// The demo's product that is never sold out, at 12.50 EUR.
const PRODUCT = 'prd_00000000000070008000000000000002'
const PRICE = 1250
const PATIENCE_MS = 20_000
// What `stripe trigger` makes on the seller's account, with the event that must come for each.
const TRIGGERS = {
  'payment_intent.succeeded': '',
  'payment_intent.payment_failed': '',
  'payment_intent.canceled': '',
  'setup_intent.succeeded': '',
  'charge.refunded': '',
  'charge.dispute.created': '',
  'checkout.session.completed': '',
  'customer.created': '',
  'payment_method.attached': '',
}

const folder = mkdtempSync(join(tmpdir(), 'souk-conformance.'))
const env = { PATH: process.env.PATH, DATA_DIR: folder, BIND: '127.0.0.1:0', SIMULATOR_BIND: '127.0.0.1:0', RUST_LOG: 'warn' }
const server = spawn(program, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(server, 'exit')
let said = ''
server.stdout.on('data', (text) => (said += text))

/** Looks until there is something; what that is. */
async function until(what, look) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`in vain: ${what}`)
    await new Promise((go) => setTimeout(go, 100))
  }
}

const told = []
let code = 1
try {
  const find = (pattern) => until(String(pattern), () => pattern.exec(said)?.[1])
  const souk = (await find(/Souk is open at (http:\S+?)\/?\s/)).replace(/\/$/, '')
  const base = await find(/Stripe\s+(http:\S+)\/_simulator/)
  await find(/(For sale)/)
  await play(souk, new URL(base))
  code = 0
} finally {
  server.kill('SIGTERM')
  await ended
  rmSync(folder, { recursive: true, force: true })
}
console.log(told.join('\n'))
process.exit(code)

async function play(souk, base) {
  const stripe = new Stripe('sk_test_somebody_else', {
    host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false,
  })
  async function ask(method, path, body, headers = {}) {
    const address = path.startsWith('/_simulator') ? base.origin + path : souk + path
    const sent = body && JSON.stringify(body)
    const answer = await fetch(address, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: sent })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text)
  }
  const login = async (who) => {
    const { access_token } = await ask('POST', '/v1/auth/login', { email: `${who}@demo.example`, password: 'demo demo demo' })
    return { Authorization: `Bearer ${access_token}` }
  }
  const [admin, seller, buyer] = await Promise.all(['admin', 'seller', 'buyer'].map(login))
  const findings = async () => (await ask('GET', '/v1/ledger/findings?state=open&limit=100', undefined, admin)).data
  const lines = [{ product_id: PRODUCT, quantity: 2 }]
  const open = (more = {}) => ask('POST', '/v1/payment_intents', { lines, customer_email: 'guest@example.com', ...more })
  /** How Souk says that an intent and its order are, once it says so. */
  const follows = (intent, status, orderStatus) =>
    until(`${intent.id} is ${status} and its order ${orderStatus}`, async () => {
      const now = await ask('GET', `/v1/payment_intents/${intent.id}`, undefined, seller)
      const order = await ask('GET', `/v1/orders/${intent.order_id}`, undefined, seller)
      return now.status === status && order.status === orderStatus && { intent: now, order }
    })
  const there = { stripeAccount: (await open()).stripe_account }
  const confirmation = { payment_method: 'pm_card_visa', return_url: 'https://shop.example/back' }

  await intents()
  await cards()
  assert.deepEqual(await findings(), [], 'what others do with objects of ours is no finding')
  await everyEventIsTaken()
  if (cli) await triggers()

  async function intents() {
    // Stripe keeps its fees, so that a refund of everything needs other money.
    const other = await open()
    await stripe.paymentIntents.confirm(other.id, confirmation, there)
    await follows(other, 'succeeded', 'paid')
    const paid = await open()
    const at = await stripe.paymentIntents.confirm(paid.id, confirmation, there)
    assert.equal(at.status, 'succeeded')
    await follows(paid, 'succeeded', 'paid')
    await stripe.refunds.create({ payment_intent: paid.id, amount: PRICE, refund_application_fee: true }, there)
    await until('a part is refunded', async () => {
      const { amount_refunded, status } = await ask('GET', `/v1/orders/${paid.order_id}`, undefined, seller)
      return amount_refunded === PRICE && status === 'paid'
    })
    await stripe.refunds.create({ payment_intent: paid.id, refund_application_fee: true }, there)
    const { order } = await follows(paid, 'succeeded', 'refunded')
    assert.equal(order.amount_refunded, 2 * PRICE)

    const declined = await open()
    const refusal = await stripe.paymentIntents
      .confirm(declined.id, { ...confirmation, payment_method: 'pm_card_chargeDeclinedInsufficientFunds' }, there)
      .then(() => assert.fail('a decline is an error'), (error) => error)
    assert.equal(refusal.decline_code, 'insufficient_funds')
    await until('the decline is told', async () => {
      const { last_error } = await ask('GET', `/v1/payment_intents/${declined.id}`, undefined, seller)
      return last_error?.decline_code === 'insufficient_funds'
    })
    await stripe.paymentIntents.cancel(declined.id, { cancellation_reason: 'abandoned' }, there)
    await follows(declined, 'canceled', 'expired')

    const held = await open({ capture_method: 'manual' })
    await stripe.paymentIntents.confirm(held.id, confirmation, there)
    await follows(held, 'authorized', 'authorized')
    const fee = (await stripe.paymentIntents.retrieve(held.id, {}, there)).application_fee_amount
    await stripe.paymentIntents.capture(held.id, { amount_to_capture: PRICE, application_fee_amount: Math.floor(fee / 2) }, there)
    const captured = await follows(held, 'succeeded', 'paid')
    assert.equal(captured.intent.amount_received, PRICE)
    const released = await open({ capture_method: 'manual' })
    await stripe.paymentIntents.confirm(released.id, confirmation, there)
    await follows(released, 'authorized', 'authorized')
    await stripe.paymentIntents.cancel(released.id, {}, there)
    await until('the money is released', async () => {
      const { status } = await ask('GET', `/v1/payment_intents/${released.id}`, undefined, seller)
      return status === 'canceled'
    })
    told.push('npm stripe confirms, declines, captures, cancels and refunds payment intents of Souk, which follows')
  }

  async function cards() {
    const ours = { ...buyer }
    const saved = async () => (await ask('GET', `/v1/payment_methods?seller_id=${SELLER}`, undefined, ours)).data
    const setup = await ask('POST', '/v1/setup_intents', { seller_id: SELLER, mandate_text: 'You may charge this card.' }, ours)
    const done = await stripe.setupIntents.confirm(setup.id, confirmation, there)
    assert.equal(done.status, 'succeeded')
    const card = await until('the card is saved', async () => (await saved()).find(({ id }) => id === done.payment_method))
    assert.equal(card.last4, '4242')
    await stripe.paymentMethods.update(card.id, { card: { exp_month: 7, exp_year: 2041 } }, there)
    const expires = (month, year) =>
      until(`it expires ${month}/${year}`, async () => {
        const [now] = await saved()
        return now.exp_month === month && now.exp_year === year && now
      })
    await expires(7, 2041)
    const renewal = { exp_month: 3, exp_year: 2045, number: '5555555555554444' }
    await ask('POST', `/_simulator/payment_methods/${card.id}/renew`, renewal)
    assert.equal((await expires(3, 2045)).last4, '4444')
    await stripe.paymentMethods.detach(card.id, {}, there)
    await until('the card is gone', async () => (await saved()).length === 0)
    const left = await ask('POST', '/v1/setup_intents', { seller_id: SELLER }, ours)
    await stripe.setupIntents.cancel(left.id, {}, there)
    await until('the setup is canceled', async () => {
      const { status } = await ask('GET', `/v1/setup_intents/${left.id}`, undefined, ours)
      return status === 'canceled'
    })
    told.push('npm stripe confirms and cancels setup intents of Souk and changes and detaches a card, and Souk follows')
  }

  /** Waits until nothing is under way, and checks that Souk has answered 200 to everything. */
  async function everyEventIsTaken() {
    const deliveries = await until('every event is delivered', async () => {
      const { deliveries: all } = await ask('GET', '/_simulator/oracle')
      return all.every(({ status }) => status !== 'pending') && all
    })
    const answers = deliveries.flatMap(({ attempts }) => attempts.map(({ status }) => status))
    assert.ok(answers.length > 0)
    assert.deepEqual(answers.filter((status) => status !== 200), [])
    const failed = await ask('GET', '/v1/admin/events?state=failed', undefined, admin)
    assert.deepEqual(failed.data, [], 'every event had its effect')
    return deliveries.length
  }

  async function triggers() {
    const environment = { HOME: folder, PATH: process.env.PATH, STRIPE_CLI_TELEMETRY_OPTOUT: '1' }
    const before = await everyEventIsTaken()
    const orders = async () => (await ask('GET', `/v1/orders?seller_id=${SELLER}&limit=100`, undefined, seller)).data.map(({ id, status }) => [id, status])
    const were = await orders()
    for (const [name, event] of Object.entries(TRIGGERS)) {
      const words = ['trigger', name, '--stripe-account', there.stripeAccount, '--api-base', base.origin, '--api-key', 'sk_test_somebody_else']
      await promisify(execFile)(cli, words, { env: environment, timeout: 60_000 })
      const taken = await until(`${event || name} is taken`, async () => {
        const query = `type=${event || name}&stripe_account=${there.stripeAccount}`
        return (await ask('GET', `/v1/admin/events?${query}`, undefined, admin)).data[0]
      })
      assert.ok(['processed', 'ignored'].includes(taken.state), `${name}: ${taken.state}`)
    }
    const after = await everyEventIsTaken()
    assert.deepEqual(await orders(), were, 'nothing of ours has changed')
    assert.deepEqual(await findings(), [], 'what isn’t ours is no finding')
    told.push(`the Stripe CLI triggers ${Object.keys(TRIGGERS).length} events on the seller's account: Souk answers 200 to all ${after - before}, and raises no finding`)
  }
}
