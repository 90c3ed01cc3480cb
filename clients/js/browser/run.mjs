// The shop of examples/web in Chromium, against a server with simulated money: what a buyer does, and what the shop then says.
//
// usage: node browser/run.mjs path/to/souk [STEP…]      CHROMIUM names the browser.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { intentSteps, stripePolicy } from './intents.mjs'

const [binary, ...wanted] = process.argv.slice(2)
const program = resolve(binary)
process.chdir(new URL('..', import.meta.url).pathname)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// The shop: the example's files, with the demo's product that is never sold out.
const { outputFiles } = await build({
  absWorkingDir: process.cwd(),
  entryPoints: ['examples/web/shop.ts'],
  bundle: true,
  format: 'esm',
  write: false,
  alias: { '@souk/client': './src/client.ts', '@souk/client/checkout': './src/checkout.ts' },
})
const script = outputFiles[0].text.replaceAll('prd_00000000000070008000000000000001', 'prd_00000000000070008000000000000002')
const files = {
  '/': ['text/html', readFileSync('examples/web/index.html', 'utf8')],
  '/shop.css': ['text/css', readFileSync('examples/web/shop.css', 'utf8')],
  '/shop.js': ['text/javascript', script],
}
// A page of its own, with the simulator's Stripe.js.
const serveCustom = (stripe) => {
  const page = readFileSync('examples/custom/index.html', 'utf8').replace(/https:\/\/js\.stripe\.com\/\w+/, `${stripe}/js`)
  const own = readFileSync('examples/custom/custom.js', 'utf8').replaceAll('prd_00000000000070008000000000000001', 'prd_00000000000070008000000000000002')
  files['/custom'] = ['text/html', page, stripePolicy(souk, stripe)]
  files['/custom.js'] = ['text/javascript', own]
}
// The strictest policy that a shop may have: the dialog must do with it.
const policy = (souk) => `default-src 'none'; script-src 'self'; style-src 'self'; connect-src ${souk}`
let souk = ''
async function serveShop() {
  const server = createServer((request, answer) => {
    const [type, text, own] = files[new URL(request.url, 'http://shop').pathname] ?? ['text/plain', '']
    const csp = own ?? (souk && policy(souk))
    answer.writeHead(text ? 200 : 404, { 'Content-Type': type, ...(csp && { 'Content-Security-Policy': csp }) }).end(text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, origin: `http://127.0.0.1:${server.address().port}` }
}
const shop = await serveShop()
const stranger = await serveShop()

// The server, with the simulator in the same process.
const data = mkdtempSync(join(tmpdir(), 'souk-client.'))
const env = {
  PATH: process.env.PATH,
  DATA_DIR: data,
  BIND: '127.0.0.1:0',
  SIMULATOR_BIND: '127.0.0.1:0',
  ALLOWED_REDIRECT_ORIGINS: shop.origin,
  ALLOWED_APP_SCHEMES: 'teahouse',
  RUST_LOG: 'warn',
}
const server = spawn(program, [], { cwd: data, env, stdio: ['ignore', 'pipe', 'inherit'] })
let said = ''
server.stdout.on('data', (text) => (said += text))
const ended = once(server, 'exit')
const find = async (pattern) => {
  for (let tries = 0; tries < 300; tries++) {
    const found = pattern.exec(said)
    if (found) return found[1]
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the server did not start: ${said}`)
}

const browsers = []
async function launch(more = {}) {
  // Popups are blocked as for anybody, which Playwright would switch off.
  const ignoreDefaultArgs = ['--disable-popup-blocking', ...(more.ignore ?? [])]
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic']
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args, ignoreDefaultArgs })
  browsers.push(browser)
  return browser
}

let failed = 0
let passed = 0
try {
  souk = (await find(/Souk is open at (http:\S+?)\/?\s/)).replace(/\/$/, '')
  const stripe = await find(/Stripe\s+(http:\S+)\/_simulator/)
  await find(/For sale/)
  serveCustom(stripe)
  await play(stripe)
} finally {
  await Promise.all(browsers.map((browser) => browser.close().catch(() => {})))
  server.kill('SIGTERM')
  await ended
  shop.server.close()
  stranger.server.close()
  rmSync(data, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)

async function play(stripe) {
  const browser = await launch()

  async function ask(method, url, body, headers = {}) {
    const answer = await fetch(url, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body) })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${text}`)
    return JSON.parse(text)
  }
  const simulate = (path, body = {}) => ask('POST', `${stripe}/_simulator${path}`, body)
  const deliveries = (mode) => simulate('/deliveries', { mode })
  const login = async (who) => {
    const { access_token } = await ask('POST', `${souk}/v1/auth/login`, { email: `${who}@demo.example`, password: 'demo demo demo' })
    return access_token
  }
  const access_token = await login('seller')
  const orders = async () => {
    const path = '/v1/orders?limit=100&seller_id=sel_00000000000070008000000000000001'
    return (await ask('GET', souk + path, undefined, { Authorization: `Bearer ${access_token}` })).data
  }
  const count = async () => {
    const all = await orders()
    return { all: all.length, paid: all.filter(({ status }) => status === 'paid').length }
  }
  /** Stripe takes the money, and nobody looks: as if the buyer's window were closed the moment after. */
  const payUnseen = (session) => simulate(`/checkout/sessions/${session}/pay`)

  /** A buyer: a browser of their own, and the shop in it. */
  async function buyer(of = browser) {
    const context = await of.newContext({ viewport: { width: 900, height: 700 } })
    context.setDefaultTimeout(15_000)
    const page = await visit(context)
    return { context, page }
  }
  async function visit(context, origin = shop.origin) {
    const page = await context.newPage()
    page.refused = []
    page.on('console', (message) => message.type() === 'error' && page.refused.push(message.text()))
    page.on('pageerror', (error) => page.refused.push(String(error)))
    await page.goto(`${origin}/?souk=${souk}`)
    return page
  }
  const result = (page, of, timeout = 15_000) => page.locator(`#result[data-result="${of}"]`).waitFor({ timeout })
  const open = (page) => page.locator('dialog[open]').waitFor()
  /** Clicks, and answers the window that opens, at the payment page. */
  async function click(page, button) {
    const [window] = await Promise.all([page.context().waitForEvent('page'), page.click(`#${button}`)])
    await window.waitForURL(/\/c\/pay\/|\/pay\//)
    return window
  }
  const sessionOf = (window) => /cs_\w+/.exec(window.url())[0]
  async function pay(window) {
    await window.getByLabel('E-mail').fill('guest@example.com')
    await window.getByRole('button', { name: /^Pay/ }).click()
  }
  /** The buyer looks at the shop again. Headless windows all count as looked at, so the browser's events are sent by hand. */
  const look = (page) => page.evaluate(() => window.dispatchEvent(new Event('focus')))
  const quiet = (page) => assert.deepEqual(page.refused, [])

  const steps = {
    ...intentSteps({ ask, axe, browser, data, login, orders, shop, souk, stripe }),

    async 'paid in the same tab'() {
      const { page } = await buyer()
      await page.click('#same')
      await page.waitForURL(/cs_/)
      await pay(page)
      await page.waitForURL(`${shop.origin}/**`)
      await result(page, 'paid')
      assert.match(await page.locator('#result').innerText(), /The payment is confirmed/)
      quiet(page)
    },

    async 'paid in a popup, which the return page leads back from and the shop closes'() {
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      const closed = window.waitForEvent('close')
      await pay(window)
      await result(page, 'paid')
      await closed
      assert.equal(await page.locator('dialog').count(), 0)
      quiet(page)
    },

    async 'paid in a new tab that is closed before it leads back'() {
      const { page } = await buyer()
      const window = await click(page, 'tab')
      await open(page)
      await payUnseen(sessionOf(window))
      await window.close()
      await look(page)
      await result(page, 'paid')
    },

    async 'closed before return, and nothing paid: the dialog stays until the buyer says'() {
      const { page } = await buyer()
      const window = await click(page, 'tab')
      await open(page)
      await window.close()
      await look(page)
      await page.getByText('The payment is still being confirmed.').waitFor({ timeout: 25_000 })
      await page.evaluate(axe)
      const { violations } = await page.evaluate('axe.run()')
      assert.deepEqual(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id), [])
      await page.getByRole('button', { name: 'Back to the shop' }).click()
      await result(page, 'cancelled')
    },

    async 'closed before return, and "I have paid"'() {
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      await payUnseen(sessionOf(window))
      await window.close()
      await page.getByRole('button', { name: 'I have paid' }).click()
      await result(page, 'paid')
    },

    async 'pays, then presses "Back to the shop"'() {
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      await payUnseen(sessionOf(window))
      await page.getByRole('button', { name: 'Back to the shop' }).click()
      await result(page, 'paid')
    },

    async 'leaves by the payment page’s own way back, in a popup'() {
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      await window.locator('#cancel').click()
      await result(page, 'cancelled')
    },

    async 'a second tab of the shop pays the same session, and both tabs say so'() {
      const before = await count()
      const { context, page } = await buyer()
      const first = await click(page, 'popup')
      await open(page)
      const other = await visit(context)
      const second = await click(other, 'popup')
      assert.equal(sessionOf(second), sessionOf(first))
      await pay(second)
      await result(other, 'paid')
      await result(page, 'paid')
      assert.deepEqual(await count(), { all: before.all + 1, paid: before.paid + 1 })
    },

    async 'a blocked popup leaves a link, and the link leads back'() {
      const { context, page } = await buyer()
      // Not within a click.
      await context.addInitScript(() => addEventListener('load', () => document.getElementById('popup')?.click()))
      await page.reload()
      await open(page)
      assert.match(await page.locator('dialog').innerText(), /opened no window/)
      const [window] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Open the payment page' }).click()])
      await pay(window)
      await result(page, 'paid')
    },

    async 'a double click opens one window and one session'() {
      const before = await count()
      const { context, page } = await buyer()
      const [window] = await Promise.all([context.waitForEvent('page'), page.dblclick('#popup')])
      await window.waitForURL(/cs_/)
      await open(page)
      assert.equal(context.pages().length, 2)
      assert.equal((await count()).all, before.all + 1)
      await pay(window)
      await result(page, 'paid')
      assert.equal((await count()).paid, before.paid + 1)
    },

    async 'a reload and another click go on with the same session'() {
      const { page } = await buyer()
      const first = await click(page, 'popup')
      const session = sessionOf(first)
      await page.reload()
      const second = await click(page, 'popup')
      assert.equal(sessionOf(second), session)
      await payUnseen(session)
      // The server asks Stripe once in two seconds.
      await page.waitForTimeout(2200)
      await page.reload()
      await result(page, 'paid')
    },

    async 'paid, everything closed, and another click: told, and not paid again'() {
      const { context, page } = await buyer()
      const window = await click(page, 'popup')
      await payUnseen(sessionOf(window))
      const before = await count()
      const again = await context.newPage()
      // A shop that doesn't ask what was left open.
      await again.route('**/verify', (route) => route.abort())
      await again.goto(`${shop.origin}/?souk=${souk}`)
      await again.waitForTimeout(300)
      await again.unroute('**/verify')
      await page.close()
      await window.close()
      await again.click('#popup')
      await result(again, 'paid')
      assert.equal((await count()).all, before.all)
    },

    async 'the back button, where the browser loads the shop anew'() {
      for (const [isPaid, of] of [[false, 'cancelled'], [true, 'paid']]) {
        const { page } = await buyer()
        await page.click('#same')
        await page.waitForURL(/cs_/)
        if (isPaid) await payUnseen(sessionOf(page))
        await page.goBack()
        await result(page, of)
      }
    },

    async 'the back button, where the browser had kept the shop as it was'() {
      const keeping = await launch({ ignore: ['--disable-back-forward-cache'] })
      for (const [isPaid, of] of [[false, 'cancelled'], [true, 'paid']]) {
        const { page } = await buyer(keeping)
        await page.evaluate(() => (window.isKept = true))
        await page.click('#same')
        await page.waitForURL(/cs_/)
        if (isPaid) await payUnseen(sessionOf(page))
        await page.evaluate(() => history.back())
        await result(page, of)
        assert.equal(await page.evaluate(() => window.isKept), true, 'the page was not kept')
      }
    },

    async 'offline in between'() {
      const { context, page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      await payUnseen(sessionOf(window))
      await context.setOffline(true)
      await look(page)
      await page.getByText('One moment, we are asking').waitFor()
      // It gives up after a while, and goes on by itself once it is online.
      await page.getByText('This page goes on by itself').waitFor({ timeout: 25_000 })
      assert.equal(await page.locator('#result').getAttribute('data-result'), null, 'nothing is guessed')
      await context.setOffline(false)
      await result(page, 'paid')
    },

    async 'offline when the shop is clicked: the same key, once it is back'() {
      const before = await count()
      const { context, page } = await buyer()
      await context.setOffline(true)
      const window = context.waitForEvent('page')
      await page.click('#popup')
      await page.waitForTimeout(2000)
      await context.setOffline(false)
      await (await window).waitForURL(/cs_/)
      assert.equal((await count()).all, before.all + 1)
    },

    async 'a webhook that comes late finds the order paid, once'() {
      const before = await count()
      await deliveries('held')
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await pay(window)
      await result(page, 'paid')
      const held = (await ask('GET', `${stripe}/_simulator/events/pending`)).length
      assert.ok(held > 0, 'nothing was held')
      await simulate('/events/deliver_pending')
      await deliveries('automatic')
      assert.deepEqual(await count(), { all: before.all + 1, paid: before.paid + 1 })
    },

    async 'a webhook that never comes is not missed'() {
      const before = await count()
      await deliveries('held')
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await pay(window)
      await result(page, 'paid')
      await simulate('/events/drop_pending')
      await deliveries('automatic')
      assert.equal((await count()).paid, before.paid + 1)
    },

    async 'Stripe answers nobody, and the late webhook is what says paid'() {
      await deliveries('held')
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      await simulate('/faults', { method: 'GET', path_prefix: '/v1/checkout/sessions', kind: 'error500' })
      await payUnseen(sessionOf(window))
      await page.getByRole('button', { name: 'I have paid' }).click()
      await page.waitForTimeout(3000)
      assert.equal(await page.locator('#result').getAttribute('data-result'), null, 'nothing is guessed')
      await simulate('/events/deliver_pending')
      await deliveries('automatic')
      await result(page, 'paid')
      await ask('DELETE', `${stripe}/_simulator/faults`)
    },

    async 'the return page tells the shop’s origin, and no other'() {
      const { context, page } = await buyer()
      const window = await click(page, 'popup')
      const address = `${souk}/checkout/success?session_id=${sessionOf(window)}`
      const heard = async (origin) => {
        const opener = await visit(context, origin)
        const back = context.waitForEvent('page')
        await opener.evaluate((to) => {
          window.heard = []
          addEventListener('message', ({ data, origin }) => window.heard.push({ ...data, origin }))
          window.open(to)
        }, address)
        await (await back).locator('#message[data-session]').waitFor()
        await opener.waitForTimeout(1500)
        return opener.evaluate(() => window.heard)
      }
      assert.deepEqual(await heard(stranger.origin), [])
      assert.deepEqual(await heard(shop.origin), [{ type: 'souk.checkout', session_id: sessionOf(window), page: 'success', origin: souk }])
    },

    async 'a message of a stranger’s page is not even a sign'() {
      const { page } = await buyer()
      const window = await click(page, 'popup')
      await open(page)
      const asked = []
      page.on('request', (request) => request.url().endsWith('/verify') && asked.push(request))
      const say = (session) => page.evaluate((session_id) => {
        window.dispatchEvent(new MessageEvent('message', { origin: 'https://evil.example', data: { type: 'souk.checkout', session_id, page: 'cancelled' } }))
      }, session)
      await say(sessionOf(window))
      await page.waitForTimeout(500)
      assert.deepEqual([asked.length, await page.locator('dialog[open]').count()], [0, 1])
    },

    async 'the return page leads back to the app that it was opened from'() {
      const { id } = await ask('POST', `${souk}/v1/checkout_sessions`, {
        lines: [{ product_id: 'prd_00000000000070008000000000000002', quantity: 1 }],
        customer_email: 'guest@example.com',
        success_url: 'teahouse://checkout',
        cancel_url: 'teahouse://checkout',
      })
      await payUnseen(id)
      const context = await browser.newContext()
      const page = await context.newPage()
      const cdp = await context.newCDPSession(page)
      await cdp.send('Page.enable')
      const led = []
      cdp.on('Page.frameRequestedNavigation', ({ url }) => led.push(url))
      await page.goto(`${souk}/checkout/success?session_id=${id}`, { waitUntil: 'commit' })
      await page.getByText('The payment is confirmed.').waitFor()
      const link = `teahouse://checkout?session_id=${id}&page=success`
      assert.equal(await page.getByRole('link', { name: 'Back to the app' }).getAttribute('href'), link)
      assert.deepEqual(led, [link], 'it is opened without a click')
    },
  }

  for (const [name, step] of Object.entries(steps)) {
    if (wanted.length && !wanted.some((part) => name.includes(part))) continue
    const begun = Date.now()
    try {
      await step()
      passed++
      console.log(`ok   ${name}, ${((Date.now() - begun) / 1000).toFixed(1)} s`)
    } catch (error) {
      failed++
      console.error(`FAIL ${name}\n${error.stack}`)
      await deliveries('automatic')
      await ask('DELETE', `${stripe}/_simulator/faults`)
    } finally {
      for (const context of browser.contexts()) await context.close().catch(() => {})
    }
  }
}
