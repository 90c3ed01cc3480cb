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

    async 'a page of elements pays a Checkout Session: declined, asked by the bank in a frame, led back'() {
      const session = await ask('POST', `${souk}/v1/checkout_sessions`, {
        lines: [{ product_id: PRODUCT, quantity: 1 }],
        customer_email: 'guest@example.com',
        ui_mode: 'elements',
      })
      const page = await custom()
      await page.evaluate(async ({ client_secret, publishable_key, stripe_account }) => {
        const stripe = Stripe(publishable_key, { stripeAccount: stripe_account })
        const checkout = stripe.initCheckoutElementsSdk({ clientSecret: client_secret })
        const loaded = await checkout.loadActions()
        if (loaded.type !== 'success') throw new Error(loaded.error.message)
        document.getElementById('form').remove()
        const result = document.getElementById('result')
        const form = document.createElement('form')
        result.before(form)
        checkout.createPaymentElement().mount(form)
        const button = Object.assign(document.createElement('button'), { disabled: true })
        button.textContent = `Pay ${loaded.actions.getSession().total.total.amount}`
        form.append(button)
        checkout.on('change', ({ canConfirm }) => (button.disabled = !canConfirm))
        form.addEventListener('submit', async (event) => {
          event.preventDefault()
          const { type, error } = await loaded.actions.confirm()
          if (type === 'error') result.textContent = `${error.code}, ${error.paymentFailed?.declineCode}: ${error.message}`
        })
      }, session)
      const button = page.getByRole('button', { name: /^Pay .*12\.50/ })
      await button.waitFor()
      assert.equal(await button.isDisabled(), true)
      await pay(page, '4000 0000 0000 9995')
      await page.getByText('paymentFailed, insufficient_funds: Your card has insufficient funds.').waitFor()
      await pay(page, '4000 0000 0000 3220')
      await bank(page, 'Fail')
      await page.getByText('We are unable to authenticate your payment method.').waitFor()
      await pay(page, '4000 0000 0000 3220')
      await bank(page, 'Complete')
      await page.waitForURL(`${souk}/checkout/success?session_id=${session.id}`)
      await heading(page, 'Thank you, your payment is confirmed')
      quiet(page)
    },

    async 'a confirmation token of what was typed is confirmed on the server, and the bank is answered in the page'() {
      const before = await paidOrders()
      const { publishable_key, stripe_account } = await ask('POST', `${souk}/v1/payment_intents`, { lines: [{ product_id: PRODUCT, quantity: 1 }], customer_email: 'guest@example.com' })
      const page = await custom()
      await page.evaluate(({ publishable_key, stripe_account, souk, product }) => {
        document.getElementById('form').remove()
        const result = document.getElementById('result')
        const say = (text) => (result.dataset.result = result.textContent = text)
        const stripe = Stripe(publishable_key, { stripeAccount: stripe_account })
        // There is no intent yet.
        const elements = stripe.elements({ mode: 'payment', amount: 1250, currency: 'eur' })
        const form = document.createElement('form')
        result.before(form)
        elements.create('payment').mount(form)
        form.append(Object.assign(document.createElement('button'), { textContent: 'Pay' }))
        const post = async (path, body, secret) => {
          const headers = { 'Content-Type': 'application/json', ...(secret && { 'Order-Secret': secret }) }
          return (await fetch(souk + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()
        }
        form.addEventListener('submit', async (event) => {
          event.preventDefault()
          const submitted = await elements.submit()
          if (submitted.error) return say(submitted.error.message)
          const params = { return_url: `${souk}/checkout/success`, payment_method_data: { billing_details: { name: 'Ann Buyer' } } }
          const { confirmationToken, error } = await stripe.createConfirmationToken({ elements, params })
          if (error) return say(error.message)
          const { billing_details, card } = confirmationToken.payment_method_preview
          document.title = `${billing_details.name} ${card.last4}`
          const lines = [{ product_id: product, quantity: 1 }]
          const intent = await post('/v1/payment_intents', { lines, customer_email: 'guest@example.com', confirmation_token: confirmationToken.id })
          if (intent.last_error) return say(intent.last_error.message)
          if (intent.next_action) {
            const answered = await stripe.handleNextAction({ clientSecret: intent.client_secret })
            if (answered.error) return say(answered.error.message)
          }
          say((await post(`/v1/payment_intents/${intent.id}/verify`, {}, intent.order_secret)).status)
        })
      }, { publishable_key, stripe_account, souk, product: PRODUCT })
      await pay(page, '4242 4242 4242 4241')
      await page.getByText('Your card number is invalid.').waitFor()
      await pay(page, '4000 0000 0000 3220')
      await bank(page, 'Complete')
      await result(page, 'paid')
      assert.equal(await page.title(), 'Ann Buyer 3220')
      assert.equal(await paidOrders(), before + 1)
      quiet(page)
    },

    async 'a customer session offers what its customer has saved, saves another card and lets one be removed'() {
      const { stripe_account: account } = await ask('POST', `${souk}/v1/payment_intents`, { lines: [{ product_id: PRODUCT, quantity: 1 }], customer_email: 'guest@example.com' })
      // What Souk has no route for is asked of Stripe, as the seller's own page would.
      const api = async (path, form = {}) => {
        const headers = { Authorization: 'Bearer sk_test_seller', 'Stripe-Account': account, 'Content-Type': 'application/x-www-form-urlencoded' }
        const answer = await fetch(`${stripe}/v1/${path}`, { method: 'POST', headers, body: new URLSearchParams(form) })
        const found = await answer.json()
        assert.ok(answer.ok, JSON.stringify(found))
        return found
      }
      const customer = (await api('customers', { name: 'Ann' })).id
      const features = 'components[payment_element][features][payment_method_'
      const visit = async () => {
        const intent = await api('payment_intents', { amount: 1250, currency: 'eur', customer })
        const session = await api('customer_sessions', {
          customer,
          'components[payment_element][enabled]': true,
          [`${features}redisplay]`]: 'enabled',
          [`${features}remove]`]: 'enabled',
          [`${features}save]`]: 'enabled',
          [`${features}save_usage]`]: 'off_session',
        })
        const page = await custom()
        await page.evaluate(([account, clientSecret, customerSessionClientSecret]) => {
          document.getElementById('form').remove()
          const result = document.getElementById('result')
          const stripe = Stripe('pk_test_seller', { stripeAccount: account })
          const elements = stripe.elements({ clientSecret, customerSessionClientSecret })
          const form = document.createElement('form')
          result.before(form)
          elements.create('payment').mount(form)
          form.append(Object.assign(document.createElement('button'), { textContent: 'Pay' }))
          form.addEventListener('submit', async (event) => {
            event.preventDefault()
            const { paymentIntent, error } = await stripe.confirmPayment({ elements, confirmParams: { return_url: location.href }, redirect: 'if_required' })
            result.dataset.result = result.textContent = paymentIntent?.status ?? error.message
          })
        }, [account, intent.client_secret, session.client_secret])
        await page.getByRole('button', { name: 'Pay' }).waitFor()
        return { page, choices: page.getByLabel('Pay by') }
      }
      const first = await visit()
      await type(first.page, '5555 5555 5555 4444')
      await first.page.getByLabel('Save payment details for future purchases').check()
      await first.page.getByRole('button', { name: 'Pay' }).click()
      await result(first.page, 'succeeded')
      quiet(first.page)
      const second = await visit()
      const saved = 'Mastercard •••• 4444, 12/2034'
      await second.choices.waitFor()
      assert.deepEqual(await second.choices.locator('option').first().innerText(), saved)
      assert.equal(await second.page.getByLabel('Card number').isVisible(), false)
      await accessible(second.page, 'saved')
      await second.page.getByRole('button', { name: 'Pay' }).click()
      await result(second.page, 'succeeded')
      quiet(second.page)
      const third = await visit()
      await third.page.getByRole('button', { name: 'Remove this card' }).click()
      await third.page.getByLabel('Card number').waitFor()
      assert.ok(!(await third.choices.innerText()).includes('4444'))
      quiet(third.page)
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
