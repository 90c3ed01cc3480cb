// A page of one's own with a payment intent, and the server's page for a bank that wants to see its customer, with the simulator's
// stand-in for Stripe.js.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SELLER = 'sel_00000000000070008000000000000001'
const PRODUCT = 'prd_00000000000070008000000000000002'

/** What a page with Stripe.js must be allowed (docs/payments.md), and nothing more. */
export const stripePolicy = (souk, stripe) =>
  `default-src 'none'; script-src 'self' ${stripe}; style-src 'self'; connect-src ${souk} ${stripe}; frame-src ${stripe}`

export function intentSteps({ ask, axe, browser, data, login, orders, shop, souk, stripe }) {
  const simulate = (path, body = {}) => ask('POST', `${stripe}/_simulator${path}`, body)
  const screenshot = async (page, name) => process.env.SCREENSHOTS && page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true })
  /** A page fits a phone, and everybody can use it. */
  async function accessible(page, name) {
    const size = page.viewportSize()
    await page.setViewportSize({ width: 360, height: 740 })
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'it is wider than a phone')
    await screenshot(page, `${name}-phone`)
    await page.setViewportSize(size)
    await page.evaluate(axe)
    const { violations } = await page.evaluate('axe.run()')
    assert.deepEqual(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id), [])
  }

  async function visit(url, more) {
    const context = await browser.newContext({ viewport: { width: 900, height: 800 }, ...more })
    context.setDefaultTimeout(15_000)
    const page = await context.newPage()
    page.refused = []
    page.on('console', (message) => {
      // A declined card is a 402, which the browser notes as an error.
      const isNoted = message.type() === 'error' && !/402/.test(message.text()) && !message.location().url.endsWith('/favicon.ico')
      if (isNoted) page.refused.push(message.text())
    })
    page.on('pageerror', (error) => page.refused.push(String(error)))
    await page.goto(url)
    return page
  }
  async function custom() {
    const page = await visit(`${shop.origin}/custom?souk=${souk}`)
    await page.locator('#pay:enabled').waitFor()
    return page
  }

  async function type(page, number) {
    await page.getByLabel('Card number').fill(number)
    await page.getByLabel('Expiration date').fill('12 / 34')
    await page.getByLabel('Security code').fill('123')
  }
  async function pay(page, number) {
    await type(page, number)
    await page.getByRole('button', { name: /^Pay/ }).click()
  }
  const bank = (page, answer) => page.frameLocator('iframe[title="Your bank"]').getByRole('button', { name: answer }).click()
  const result = (page, of) => page.locator(`#result[data-result="${of}"]`).waitFor()
  const paidOrders = async () => (await orders()).filter(({ status }) => status === 'paid').length
  const heading = (page, text) => page.getByRole('heading', { name: text }).waitFor()
  const quiet = (page) => assert.deepEqual(page.refused, [])
  /** A buyer who saves a card in a page with Stripe.js, and agrees to be charged while they aren't there. */
  async function saveCard(number) {
    const buyer = { Authorization: `Bearer ${await login('buyer')}` }
    const setup = await ask('POST', `${souk}/v1/setup_intents`, { seller_id: SELLER, mandate_text: 'You may charge this card each month.' }, buyer)
    const page = await custom()
    await page.evaluate(({ client_secret, publishable_key, stripe_account }) => {
      document.getElementById('form').remove()
      const stripe = Stripe(publishable_key, { stripeAccount: stripe_account })
      const elements = stripe.elements({ clientSecret: client_secret })
      const form = document.createElement('form')
      document.querySelector('main').append(form)
      elements.create('card').mount(form)
      form.append(Object.assign(document.createElement('button'), { textContent: 'Save' }))
      form.addEventListener('submit', async (event) => {
        event.preventDefault()
        const { setupIntent, error } = await stripe.confirmSetup({ elements, redirect: 'if_required' })
        const result = document.getElementById('result')
        result.dataset.result = result.textContent = setupIntent?.status ?? error.code
      })
    }, setup)
    await type(page, number)
    await page.getByRole('button', { name: 'Save' }).click()
    await bank(page, 'Complete')
    await result(page, 'succeeded')
    quiet(page)
    await ask('POST', `${souk}/v1/setup_intents/${setup.id}/verify`, {}, buyer)
    const saved = await ask('GET', `${souk}/v1/setup_intents/${setup.id}`, undefined, buyer)
    await page.context().close()
    return saved
  }

  const folder = join(data, 'mail')
  const links = () =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('=\r\n', '').replaceAll('=\n', '').replaceAll('=3D', '='))
      .map((mail) => /http\S+\/checkout\/pay\?state=[\w.-]+/.exec(mail)?.[0])
      .filter(Boolean)

  /** A charge on a saved card whose bank wants the buyer: the link of the mail, and how the charge is now. */
  async function charged(number) {
    const { payment_method, customer_id } = await saveCard(number)
    const seller = { Authorization: `Bearer ${await login('seller')}` }
    const before = links()
    const lines = [{ product_id: PRODUCT, quantity: 1 }]
    const charge = await ask('POST', `${souk}/v1/off_session_payments`, { customer_id, payment_method, lines }, seller)
    const read = () => ask('GET', `${souk}/v1/off_session_payments/${charge.id}`, undefined, seller)
    for (let tries = 0; tries < 100; tries++) {
      const link = links().find((one) => !before.includes(one))
      if (link) return { link, read }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error('no mail came')
  }

  return {
    async 'a page of one’s own pays by an intent'() {
      const before = await paidOrders()
      const page = await custom()
      await pay(page, '4242 4242 4242 4242')
      await result(page, 'paid')
      assert.match(await page.locator('#result').innerText(), /The payment is confirmed/)
      assert.equal(await paidOrders(), before + 1)
      quiet(page)
    },

    async 'a card that is wrong, one that is declined, and then another on the same intent'() {
      const before = (await orders()).length
      const page = await custom()
      await pay(page, '4242 4242 4242 4241')
      await page.getByText('Your card number is invalid.').waitFor()
      await pay(page, '4000 0000 0000 9995')
      await page.getByText('Your card has insufficient funds.').waitFor()
      await pay(page, '5555 5555 5555 4444')
      await result(page, 'paid')
      assert.equal((await orders()).length, before + 1)
      quiet(page)
    },

    async 'the bank asks in a frame, and the buyer answers'() {
      const page = await custom()
      await pay(page, '4000 0000 0000 3220')
      await bank(page, 'Complete')
      await result(page, 'paid')
      quiet(page)
    },

    async 'the bank’s question fails, and another card pays'() {
      const page = await custom()
      await pay(page, '4000 0000 0000 3220')
      await bank(page, 'Fail')
      await page.getByText('We are unable to authenticate your payment method.').waitFor()
      await pay(page, '4242 4242 4242 4242')
      await result(page, 'paid')
      quiet(page)
    },

    async 'a bank with a page of its own leads there and back, and no secret stays in the address'() {
      const page = await custom()
      await page.getByLabel('Pay by').selectOption('bancontact')
      await page.getByRole('button', { name: /^Pay/ }).click()
      await page.waitForURL(/\/c\/challenge\//)
      await page.getByRole('button', { name: 'Complete' }).click()
      await heading(page, 'Thank you, your payment is confirmed')
      assert.match(page.url(), /\/checkout\/success\?payment_intent=pi_\w+&redirect_status=succeeded$/)
      await screenshot(page, 'return')
      await page.getByRole('link', { name: 'Back to the shop' }).click()
      await page.waitForURL(`${shop.origin}/**`)
    },

    async 'embedded Checkout in a frame leads the page around it back'() {
      const session = await ask('POST', `${souk}/v1/checkout_sessions`, {
        lines: [{ product_id: PRODUCT, quantity: 1 }],
        customer_email: 'guest@example.com',
        ui_mode: 'embedded_page',
      })
      const page = await custom()
      await page.evaluate(async ({ client_secret, publishable_key, stripe_account }) => {
        const stripe = Stripe(publishable_key, { stripeAccount: stripe_account })
        const checkout = await stripe.createEmbeddedCheckoutPage({ fetchClientSecret: async () => client_secret })
        checkout.mount('main')
      }, session)
      const checkout = page.frameLocator('iframe[title="Checkout"]')
      await checkout.getByLabel('Card number').fill('4000 0000 0000 3220')
      await checkout.getByRole('button', { name: /^Pay/ }).click()
      await checkout.getByRole('button', { name: 'Complete' }).click()
      await page.waitForURL(`${souk}/checkout/success?session_id=${session.id}`)
      await heading(page, 'Thank you, your payment is confirmed')
      quiet(page)
    },

    async 'the mail about a saved card leads to a page where its bank is answered'() {
      const { link, read } = await charged('4000 0027 6000 3184')
      assert.equal((await read()).status, 'needs_buyer')
      const page = await visit(link)
      const confirm = page.getByRole('button', { name: 'Confirm with the card ending in 3184' })
      await confirm.waitFor()
      await screenshot(page, 'pay')
      await accessible(page, 'pay')
      await confirm.click()
      await page.frameLocator('iframe[title="Your bank"]').getByRole('button', { name: 'Fail' }).waitFor()
      await screenshot(page, 'bank')
      await bank(page, 'Fail')
      await page.getByText('We are unable to authenticate your payment method.').waitFor()
      await screenshot(page, 'failed')
      await accessible(page, 'failed')
      await pay(page, '4000 0027 6000 3184')
      await bank(page, 'Complete')
      await heading(page, 'Thank you, your payment is confirmed')
      quiet(page)
      assert.equal((await read()).status, 'succeeded')
      await page.goto(link)
      await heading(page, 'There is nothing to pay here now')
      await page.getByText('The payment is confirmed.').waitFor()
      await screenshot(page, 'closed')
    },

    async 'the saved card is confirmed with one click, and nothing is typed'() {
      const { link, read } = await charged('4000 0027 6000 3184')
      const page = await visit(link)
      await page.getByRole('button', { name: 'Confirm with the card ending in 3184' }).click()
      await bank(page, 'Complete')
      await heading(page, 'Thank you, your payment is confirmed')
      assert.equal((await read()).status, 'succeeded')
      await page.getByRole('link', { name: 'Back to the shop' }).click()
      await page.waitForURL(`${shop.origin}/**`)
    },

    async 'another card pays in place of the saved one, by a bank’s page that failed first'() {
      const { link, read } = await charged('4000 0027 6000 3184')
      const page = await visit(link)
      await page.getByText('Pay by another card').click()
      await page.getByLabel('Pay by', { exact: true }).selectOption('bancontact')
      await page.getByRole('button', { name: /^Pay/ }).click()
      await page.waitForURL(/\/c\/challenge\//)
      await page.getByRole('button', { name: 'Fail' }).click()
      await page.getByRole('link', { name: 'Try again, or pay in another way' }).click()
      await page.waitForURL(/\/checkout\/pay/)
      await pay(page, '4000 0000 0000 0002')
      await page.getByText('Your card was declined.').waitFor()
      await pay(page, '4242 4242 4242 4242')
      await heading(page, 'Thank you, your payment is confirmed')
      assert.equal((await read()).status, 'succeeded')
    },

    async 'without JavaScript, or without Stripe’s script, the page says what to do'() {
      const { link, read } = await charged('4000 0027 6000 3184')
      const plain = await visit(link, { javaScriptEnabled: false })
      const said = plain.locator('noscript p')
      await said.waitFor()
      assert.match(await said.innerText(), /This page needs JavaScript/)
      await screenshot(plain, 'plain')
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.route('**/js/stripe.js', (route) => route.abort())
      await page.goto(link)
      await page.getByText('Stripe’s part of this page was not loaded'.replace('’', "'")).waitFor()
      assert.equal((await read()).status, 'needs_buyer')
    },
  }
}
