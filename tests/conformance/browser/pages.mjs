// Each step drives pages as a person would, and asks the API what has come of it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { mkdirSync } from 'node:fs'

const require = createRequire(process.env.PACKAGES)
const { chromium } = require('playwright-core')
const axe = require('axe-core')
const pictures = process.env.BROWSER_PICTURES
if (pictures) mkdirSync(pictures, { recursive: true })

// The simulator, a shop to come back to, a browser.
const simulator = spawn(process.env.SIMULATOR, ['--listen', '127.0.0.1:0', '--clock', 'manual', '--deliveries', 'held'], { stdio: ['ignore', 'pipe', 'inherit'] })
const [line] = await once(simulator.stdout, 'data')
const base = /http:\/\/\S+/.exec(line)[0]
const shop = createServer((request, answer) => {
  answer.setHeader('Content-Type', 'text/html')
  answer.end(`<!doctype html><title>Shop</title><p>Shop: ${request.url.replaceAll('<', '&lt;')}</p>`)
}).listen(0, '127.0.0.1')
await once(shop, 'listening')
const home = `http://127.0.0.1:${shop.address().port}`
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
const context = await browser.newContext({ viewport: { width: 1100, height: 800 } })
context.setDefaultTimeout(10_000)
const page = await context.newPage()
const refused = []
page.on('console', (message) => message.type() === 'error' && refused.push(message.text()))

async function api(method, path, form, account) {
  const body = form && new URLSearchParams(form).toString()
  const url = method === 'GET' && body ? `${base}${path}?${body}` : `${base}${path}`
  const headers = { Authorization: 'Bearer sk_test_browser', 'Content-Type': 'application/x-www-form-urlencoded' }
  if (account) headers['Stripe-Account'] = account
  const answer = await fetch(url, { method, headers, body: method === 'GET' ? undefined : body })
  const value = await answer.json()
  assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(value)}`)
  return value
}

const express = { country: 'DE', 'controller[fees][payer]': 'application', 'controller[losses][payments]': 'application', 'controller[stripe_dashboard][type]': 'express', 'capabilities[card_payments][requested]': 'true', 'capabilities[transfers][requested]': 'true' }

let known
// An account that can take money.
async function seller() {
  if (known) return known
  const { id } = await api('POST', '/v1/accounts', express)
  const answer = await fetch(`${base}/_simulator/accounts/${id}/onboard`, { method: 'POST', body: '{"business_name":"Tea House"}' })
  assert.equal(answer.status, 200)
  return (known = id)
}

async function session(account, more = {}) {
  return api('POST', '/v1/checkout/sessions', {
    mode: 'payment', success_url: `${home}/paid?s={CHECKOUT_SESSION_ID}`, cancel_url: `${home}/cart`,
    'line_items[0][price_data][currency]': 'eur', 'line_items[0][price_data][unit_amount]': '1250',
    'line_items[0][price_data][product_data][name]': 'Tea & <b>biscuits</b>', 'line_items[0][quantity]': '2', ...more,
  }, account)
}

const reread = (object, account, more) => api('GET', `/v1/checkout/sessions/${object.id}`, more, account)
const text = () => page.locator('main').innerText()

// What must be true of every page.
async function look(name) {
  assert.equal(await page.getAttribute('html', 'lang'), 'en', `${name}: lang`)
  assert.equal(await page.locator('h1').count(), 1, `${name}: one h1`)
  assert.match(await page.locator('.banner').innerText(), /SIMULATED/, `${name}: marked as simulated`)
  assert.equal(await page.locator('script').count(), 0, `${name}: no script`)
  const nameless = await page.$$eval('input, select, textarea', (all) => all.filter((each) => each.type !== 'hidden' && !each.labels?.length).map((each) => each.name))
  assert.deepEqual(nameless, [], `${name}: every field has a label`)
  for (const [label, width, height] of [['wide', 1100, 800], ['narrow', 360, 740]]) {
    await page.setViewportSize({ width, height })
    const over = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.equal(over, 0, `${name}: scrolls sideways at ${width} px`)
    if (pictures) await page.screenshot({ path: `${pictures}/${name}-${label}.png`, fullPage: true })
    await page.evaluate(axe.source)
    const { violations } = await page.evaluate('axe.run()')
    const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    const told = serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`)
    assert.deepEqual(told, [], `${name}, ${label}: axe-core`)
  }
  await page.setViewportSize({ width: 1100, height: 800 })
}

const at = (pattern) => page.waitForURL(pattern)

const steps = {
  async onboard() {
    const { id } = await api('POST', '/v1/accounts', express)
    const link = await api('POST', '/v1/account_links', { account: id, type: 'account_onboarding', refresh_url: `${home}/again`, return_url: `${home}/back` })
    await page.goto(link.url)
    await look('onboarding')
    await page.getByLabel('Business name').fill('Tea <i>House</i>')
    await page.getByLabel('IBAN').fill('DE1')
    await page.getByRole('button', { name: 'Submit' }).click()
    assert.match(await text(), /isn't a bank account/)
    assert.equal(await page.getByLabel('IBAN').getAttribute('aria-invalid'), 'true')
    assert.equal(await page.getByLabel('Business name').inputValue(), 'Tea <i>House</i>')
    await look('onboarding-refused')
    assert.equal((await api('GET', `/v1/accounts/${id}`)).details_submitted, false)
    await page.getByLabel('IBAN').fill('DE89370400440532013000')
    await page.getByRole('button', { name: 'Submit' }).click()
    await at(`${home}/back`)
    const account = await api('GET', `/v1/accounts/${id}`)
    assert.deepEqual([account.charges_enabled, account.payouts_enabled, account.business_profile.name], [true, true, 'Tea <i>House</i>'])
    await page.goto(link.url)
    assert.equal(page.url(), `${home}/again`, 'a used link leads back to the platform')
  },

  async pay() {
    const account = await seller()
    const s = await session(account)
    await page.goto(s.url)
    assert.match(await text(), /Pay Tea House[\s\S]*25\.00 EUR[\s\S]*Tea & <b>biscuits<\/b>/)
    await look('checkout')
    // By keyboard alone.
    await page.getByLabel('E-mail').focus()
    await page.keyboard.type('ann@example.com')
    await page.keyboard.press('Enter')
    await at(`${home}/paid?s=${s.id}`)
    const paid = await reread(s, account)
    assert.deepEqual([paid.status, paid.payment_status, paid.customer_details.email], ['complete', 'paid', 'ann@example.com'])
    await page.goto(s.url)
    assert.match(await text(), /all done here/)
    await look('checkout-complete')
    const late = await session(account)
    await api('POST', `/v1/checkout/sessions/${late.id}/expire`, {}, account)
    await page.goto(late.url)
    assert.match(await text(), /expired/)
    await look('checkout-expired')
  },

  async decline() {
    const account = await seller()
    const s = await session(account)
    await page.goto(s.url)
    await page.getByLabel('E-mail').fill('bob@example.com')
    await page.getByLabel('Card number').fill('4000 0000 0000 9995')
    await page.getByRole('button', { name: 'Pay 25.00 EUR' }).click()
    assert.match(await page.getByRole('alert').innerText(), /insufficient funds/)
    assert.match(await page.locator('#card-error').innerText(), /insufficient funds/)
    assert.equal(await page.getByLabel('Card number').getAttribute('aria-describedby'), 'card-error')
    assert.equal(await page.getByLabel('E-mail').inputValue(), 'bob@example.com')
    await look('checkout-declined')
    const intent = (await reread(s, account, { 'expand[]': 'payment_intent' })).payment_intent
    assert.deepEqual([intent.status, intent.last_payment_error.decline_code], ['requires_payment_method', 'insufficient_funds'])
    await page.getByLabel('Card number').fill('4242 4242 4242 4242')
    await page.getByRole('button', { name: 'Pay 25.00 EUR' }).click()
    await at(`${home}/paid?s=${s.id}`)
    const paid = await reread(s, account)
    assert.deepEqual([paid.payment_status, paid.payment_intent], ['paid', intent.id], 'retried on the same intent')
  },

  async challenge() {
    const account = await seller()
    const s = await session(account)
    const ask = async () => {
      await page.goto(s.url)
      await page.getByLabel('E-mail').fill('cyd@example.com')
      await page.getByLabel('Card number').fill('4000 0025 0000 3155')
      await page.getByRole('button', { name: 'Pay 25.00 EUR' }).click()
      await at(/\/challenge$/)
    }
    await ask()
    await look('challenge')
    await page.getByRole('button', { name: 'Fail' }).click()
    assert.match(await page.locator('#card-error').innerText(), /authenticat/)
    assert.equal((await reread(s, account)).payment_status, 'unpaid')
    await ask()
    await page.getByRole('button', { name: 'Complete' }).click()
    await at(`${home}/paid?s=${s.id}`)
    assert.equal((await reread(s, account)).payment_status, 'paid')
  },

  async promotion() {
    const account = await seller()
    const code = async (percent, name) => {
      const coupon = await api('POST', '/v1/coupons', { percent_off: percent, duration: 'once' }, account)
      return api('POST', '/v1/promotion_codes', { 'promotion[type]': 'coupon', 'promotion[coupon]': coupon.id, code: name }, account)
    }
    const [fifth, all] = [await code('20', 'FIFTH'), await code('100', 'FREE')]
    const s = await session(account, { allow_promotion_codes: 'true' })
    await page.goto(s.url)
    await page.getByLabel('Promotion code').fill('NOSUCH')
    await page.getByRole('button', { name: 'Apply' }).click()
    assert.notEqual(await page.locator('#code-error').innerText(), '')
    await look('promotion-refused')
    await page.getByLabel('Promotion code').fill('fifth')
    await page.getByRole('button', { name: 'Apply' }).click()
    assert.match(await text(), /FIFTH is applied/)
    await look('promotion')
    await page.getByLabel('E-mail').fill('dee@example.com')
    await page.getByRole('button', { name: 'Pay 20.00 EUR' }).click()
    await at(`${home}/paid?s=${s.id}`)
    assert.equal((await reread(s, account)).amount_total, 2000)
    assert.equal((await api('GET', `/v1/promotion_codes/${fifth.id}`, undefined, account)).times_redeemed, 1)
    const gift = await session(account, { allow_promotion_codes: 'true' })
    await page.goto(gift.url)
    await page.getByLabel('Promotion code').fill('FREE')
    await page.getByRole('button', { name: 'Apply' }).click()
    assert.match(await text(), /no card is needed/)
    await look('free')
    await page.getByLabel('E-mail').fill('dee@example.com')
    await page.getByRole('button', { name: 'Complete order' }).click()
    await at(`${home}/paid?s=${gift.id}`)
    assert.equal((await reread(gift, account)).payment_status, 'no_payment_required')
    assert.equal((await api('GET', `/v1/promotion_codes/${all.id}`, undefined, account)).times_redeemed, 1)
  },

  async debit() {
    const account = await seller()
    const s = await session(account)
    await page.goto(s.url)
    await page.getByLabel('E-mail').fill('eve@example.com')
    await page.getByLabel('SEPA Direct Debit').check()
    assert.equal(await page.getByLabel('Card number').isVisible(), false)
    await look('debit')
    await page.getByRole('button', { name: 'Pay 25.00 EUR' }).click()
    await at(`${home}/paid?s=${s.id}`)
    assert.deepEqual((({ status, payment_status }) => [status, payment_status])(await reread(s, account)), ['complete', 'unpaid'])
    await page.goto(`${base}/_simulator`)
    await page.getByRole('button', { name: 'A week' }).click()
    await page.waitForLoadState()
    assert.equal((await reread(s, account)).payment_status, 'paid')
  },

  async modes() {
    const account = await seller()
    const customer = await api('POST', '/v1/customers', { email: 'gil@example.com' }, account)
    const urls = { success_url: `${home}/paid?s={CHECKOUT_SESSION_ID}`, cancel_url: `${home}/cart` }
    const setup = await api('POST', '/v1/checkout/sessions', { mode: 'setup', currency: 'eur', customer: customer.id, ...urls }, account)
    await page.goto(setup.url)
    assert.match(await text(), /Save your payment details for Tea House/)
    await look('setup')
    await page.getByLabel('E-mail').fill('gil@example.com')
    await page.getByLabel('Card number').fill('4000 0025 0000 3155')
    await page.getByRole('button', { name: 'Save' }).click()
    await at(/challenge$/)
    await page.getByRole('button', { name: 'Complete' }).click()
    await at(`${home}/paid?s=${setup.id}`)
    const saved = await reread(setup, account, { 'expand[]': 'setup_intent' })
    assert.deepEqual([saved.status, saved.setup_intent.status], ['complete', 'succeeded'])
    const more = { 'line_items[0][price_data][recurring][interval]': 'month', mode: 'subscription' }
    const club = await session(account, more)
    await page.goto(club.url)
    assert.match(await text(), /Subscribe to Tea House[\s\S]*every month/)
    await look('subscription')
    await page.getByLabel('E-mail').fill('hal@example.com')
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await at(`${home}/paid?s=${club.id}`)
    const begun = await reread(club, account, { 'expand[]': 'subscription' })
    assert.deepEqual([begun.payment_status, begun.subscription.status], ['paid', 'active'])
    const asking = await session(account, {
      'custom_fields[0][key]': 'size', 'custom_fields[0][type]': 'dropdown', 'custom_fields[0][label][type]': 'custom', 'custom_fields[0][label][custom]': 'Size',
      'custom_fields[0][dropdown][options][0][label]': 'Small', 'custom_fields[0][dropdown][options][0][value]': 's', 'custom_fields[0][dropdown][options][1][label]': 'Large', 'custom_fields[0][dropdown][options][1][value]': 'l',
      'phone_number_collection[enabled]': 'true', 'shipping_address_collection[allowed_countries][0]': 'DE', 'shipping_address_collection[allowed_countries][1]': 'FR',
    })
    await page.goto(asking.url)
    await page.getByLabel('E-mail').fill('ida@example.com')
    await page.getByLabel('Phone').fill('+33123456789')
    await page.getByLabel('Send to').selectOption('FR')
    await page.getByLabel('Size').selectOption('l')
    await look('asking')
    await page.getByRole('button', { name: 'Pay' }).click()
    await at(`${home}/paid?s=${asking.id}`)
    const asked = await reread(asking, account)
    assert.deepEqual([asked.customer_details.phone, asked.custom_fields[0].dropdown.value], ['+33123456789', 'l'])
  },

  async portal() {
    const account = await seller()
    const customer = await api('POST', '/v1/customers', { name: 'Fay <u>', email: 'fay@example.com', payment_method: 'pm_card_visa', 'invoice_settings[default_payment_method]': 'pm_card_visa' }, account)
    const price = await api('POST', '/v1/prices', { currency: 'eur', unit_amount: '900', 'recurring[interval]': 'month', 'product_data[name]': 'Tea club' }, account)
    const subscription = await api('POST', '/v1/subscriptions', { customer: customer.id, 'items[0][price]': price.id }, account)
    const portal = await api('POST', '/v1/billing_portal/sessions', { customer: customer.id, return_url: `${home}/me` }, account)
    const now = () => api('GET', `/v1/subscriptions/${subscription.id}`, undefined, account)
    await page.goto(portal.url)
    assert.match(await text(), /Fay <u>[\s\S]*Tea club, 9\.00 EUR every month[\s\S]*active[\s\S]*visa ending in 4242/)
    await page.getByText('Cancel this subscription').click()
    await look('portal')
    await page.getByRole('button', { name: 'Cancel subscription' }).click()
    assert.match(await text(), /It ends on/)
    assert.equal((await now()).cancel_at_period_end, true)
    await page.getByRole('button', { name: 'Don’t cancel' }).click()
    assert.match(await text(), /It renews on/)
    assert.equal((await now()).cancel_at_period_end, false)
    await page.getByLabel('Card number').fill('4000 0000 0000 0002')
    await page.getByRole('button', { name: 'Add card' }).click()
    assert.match(await page.locator('#card-error').innerText(), /declined/)
    await look('portal-declined')
    await page.getByLabel('Card number').fill('5555 5555 5555 4444')
    await page.getByRole('button', { name: 'Add card' }).click()
    assert.match(await text(), /mastercard ending in 4444 default/)
    await page.getByRole('button', { name: 'Remove visa' }).click()
    const { data } = await api('GET', '/v1/payment_methods', { customer: customer.id }, account)
    assert.deepEqual(data.map((each) => each.card.last4), ['4444'])
    await page.getByRole('link', { name: 'Back' }).click()
    await at(`${home}/me`)
  },

  async plan() {
    const account = await seller()
    const customer = await api('POST', '/v1/customers', { email: 'gil@example.com', payment_method: 'pm_card_visa', 'invoice_settings[default_payment_method]': 'pm_card_visa' }, account)
    const product = await api('POST', '/v1/products', { name: 'Tea <i>club' }, account)
    const price = (amount) => api('POST', '/v1/prices', { currency: 'eur', unit_amount: amount, 'recurring[interval]': 'month', product: product.id }, account)
    const [small, large] = [await price('900'), await price('1900')]
    const subscription = await api('POST', '/v1/subscriptions', { customer: customer.id, 'items[0][price]': small.id }, account)
    const at = 'features[subscription_update]'
    const configuration = await api('POST', '/v1/billing_portal/configurations', {
      [`${at}[enabled]`]: 'true', [`${at}[proration_behavior]`]: 'always_invoice',
      [`${at}[default_allowed_updates][0]`]: 'price', [`${at}[default_allowed_updates][1]`]: 'quantity', [`${at}[default_allowed_updates][2]`]: 'promotion_code',
      [`${at}[products][0][product]`]: product.id, [`${at}[products][0][prices][0]`]: small.id, [`${at}[products][0][prices][1]`]: large.id,
      'features[invoice_history][enabled]': 'true',
    }, account)
    const open = (more) => api('POST', '/v1/billing_portal/sessions', { customer: customer.id, configuration: configuration.id, return_url: `${home}/me`, ...more }, account)
    const now = () => api('GET', `/v1/subscriptions/${subscription.id}`, undefined, account)
    await page.goto((await open()).url)
    await page.getByText('Change this subscription').click()
    await look('plan')
    await page.getByLabel('Plan').selectOption({ label: 'Tea <i>club, 19.00 EUR every month' })
    await page.getByLabel('Quantity').fill('2')
    await page.getByRole('button', { name: 'Change subscription' }).click()
    assert.match(await text(), /Tea <i>club, 2 × 19\.00 EUR every month/)
    const item = (await now()).items.data[0]
    assert.deepEqual([item.price.id, item.quantity], [large.id, 2])
    await page.getByText('Change this subscription').click()
    await page.getByLabel('Promotion code').fill('NONE')
    await page.getByRole('button', { name: 'Change subscription' }).click()
    assert.match(await page.getByRole('alert').innerText(), /This code is invalid/)
    const confirm = 'flow_data[subscription_update_confirm]'
    await page.goto((await open({ 'flow_data[type]': 'subscription_update_confirm', [`${confirm}[subscription]`]: subscription.id, [`${confirm}[items][0][id]`]: item.id, [`${confirm}[items][0][price]`]: small.id, [`${confirm}[items][0][quantity]`]: '1' })).url)
    assert.match(await text(), /Confirm your change[\s\S]*Tea <i>club, 9\.00 EUR every month/)
    await look('plan-confirm')
    await page.getByRole('button', { name: 'Confirm' }).click()
    assert.match(await text(), /Tea <i>club, 9\.00 EUR every month/)
    assert.equal((await now()).items.data[0].quantity, 1)
  },

  async invoice() {
    const account = await seller()
    const customer = await api('POST', '/v1/customers', { name: 'Hal <u>', email: 'hal@example.com' }, account)
    await api('POST', '/v1/invoiceitems', { customer: customer.id, currency: 'eur', amount: '1250', description: 'Tea & <b>biscuits</b>' }, account)
    const draft = await api('POST', '/v1/invoices', { customer: customer.id, pending_invoice_items_behavior: 'include' }, account)
    const open = await api('POST', `/v1/invoices/${draft.id}/finalize`, {}, account)
    const now = () => api('GET', `/v1/invoices/${draft.id}`, undefined, account)
    await page.goto(open.hosted_invoice_url)
    assert.match(await text(), /Tea House[\s\S]*Hal <u>[\s\S]*12\.50 EUR due[\s\S]*Tea & <b>biscuits<\/b>/)
    await look('invoice')
    await page.getByLabel('Card number').fill('4000 0000 0000 0002')
    await page.getByRole('button', { name: 'Pay 12.50 EUR' }).click()
    assert.match(await page.locator('#card-error').innerText(), /declined/)
    await look('invoice-declined')
    await page.getByLabel('Card number').fill('4000 0027 6000 3184')
    await page.getByRole('button', { name: 'Pay 12.50 EUR' }).click()
    await page.getByRole('button', { name: 'Fail authentication' }).click()
    assert.match(await page.locator('#card-error').innerText(), /authenticate/)
    assert.equal((await now()).status, 'open')
    await page.getByLabel('Card number').fill('4000 0027 6000 3184')
    await page.getByRole('button', { name: 'Pay 12.50 EUR' }).click()
    await page.getByRole('button', { name: 'Complete authentication' }).click()
    assert.match(await text(), /paid[\s\S]*0\.00 EUR due/)
    assert.equal((await now()).status, 'paid')
    await look('invoice-paid')
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as PDF' }).click()])
    assert.equal(download.suggestedFilename(), `Invoice-${open.number}.pdf`)
  },

  async control() {
    const account = await seller()
    await page.goto(`${base}/_simulator`)
    await look('control')
    const { now } = await (await fetch(`${base}/_simulator/clock`)).json()
    await page.getByRole('button', { name: 'An hour' }).click()
    await page.waitForLoadState()
    assert.equal((await (await fetch(`${base}/_simulator/clock`)).json()).now, now + 3600)
    await page.getByLabel('What goes wrong').selectOption('error500')
    await page.getByRole('button', { name: 'Arm' }).click()
    await page.getByRole('button', { name: 'Disarm all' }).click()
    assert.match(await text(), /Nothing goes wrong/)
    // An endpoint that refuses the first delivery and takes the one by hand.
    let answers = 500
    const hook = createServer((_, answer) => answer.writeHead(answers).end()).listen(0, '127.0.0.1')
    await once(hook, 'listening')
    await api('POST', '/v1/webhook_endpoints', { url: `http://127.0.0.1:${hook.address().port}/hook`, connect: 'true', 'enabled_events[0]': '*' })
    const s = await session(account)
    await fetch(`${base}/_simulator/checkout/sessions/${s.id}/pay`, { method: 'POST', body: '{}' })
    await fetch(`${base}/_simulator/events/deliver_pending`, { method: 'POST' })
    answers = 200
    await page.goto(`${base}/_simulator`)
    await page.getByRole('link', { name: 'checkout.session.completed' }).first().click()
    assert.match(await text(), /pending to[\s\S]*500/)
    await page.getByRole('button', { name: 'Deliver again' }).click()
    assert.match(await text(), /succeeded to[\s\S]*500[\s\S]*200/)
    await look('event')
    hook.close()
    hook.closeAllConnections()
    const login = await api('POST', `/v1/accounts/${account}/login_links`, {})
    await page.goto(`${base}/_simulator`)
    for (let week = 0; week < 2; week++) {
      await page.getByRole('button', { name: 'A week' }).click()
      await page.waitForLoadState()
    }
    await page.goto(login.url)
    const payouts = await api('GET', '/v1/payouts', undefined, account)
    assert.match(await text(), /Tea House/)
    assert.equal(await page.locator('details.entry').count(), payouts.data.length)
    if (payouts.data.length) await page.locator('details.entry summary').first().click()
    await look('dashboard')
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps[name])
let failed = unknown.length
if (unknown.length) console.error(`no step is called ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`)
for (const name of unknown.length ? [] : wanted.length ? wanted : Object.keys(steps)) {
  const began = Date.now()
  try {
    refused.length = 0
    await steps[name]()
    // A refused form is answered 422, which Chromium reports as an error of the console.
    assert.deepEqual(refused.filter((each) => !/status of 422/.test(each)), [], 'the console is quiet')
    console.log(`   ${name}: ok, ${((Date.now() - began) / 1000).toFixed(1)} s`)
  } catch (error) {
    failed += 1
    console.error(`   ${name}: FAILED at ${page.url()}\n${error.message}`)
    if (pictures) await page.screenshot({ path: `${pictures}/${name}-FAILED.png`, fullPage: true })
  }
}
await browser.close()
shop.close()
simulator.kill()
process.exit(failed ? 1 : 0)
