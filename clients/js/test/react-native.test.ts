import assert from 'node:assert/strict'
import { test } from 'node:test'

import { memory } from '../src/kept.ts'
import { createNativeCheckout, type NativeOptions } from '../src/react-native.ts'
import { Clock, type Reply, request, says, Server, session, settle, Ui } from './harness.ts'

/** A phone: what its browser answers, and links and states that a test sends. */
function phone(type: string, verified: () => Reply, more: Partial<NativeOptions> & { backAt?: string; initial?: string | null } = {}) {
  const { backAt, initial = null, ...options } = more
  const server = new Server(({ path }) => (path.endsWith('/verify') ? verified() : session('cs_1')))
  const links = new Set<(event: { url: string }) => void>()
  const states = new Set<(state: string) => void>()
  const opened: (string | undefined)[][] = []
  let dismissed = 0
  const subscribe = <T>(all: Set<T>, heed: T) => {
    all.add(heed)
    return { remove: () => void all.delete(heed) }
  }
  const checkout = createNativeCheckout(server.client(memory()), {
    browser: {
      openBrowserAsync: async (url) => {
        opened.push(['browser', url])
        return { type }
      },
      openAuthSessionAsync: async (url, redirect) => {
        opened.push(['session', url, redirect ?? undefined])
        return { type, ...(backAt && { url: backAt }) }
      },
      dismissBrowser: () => {
        dismissed++
        throw new Error('not on Android')
      },
    },
    linking: { addEventListener: (_, heed) => subscribe(links, heed), getInitialURL: async () => initial },
    appState: { addEventListener: (_, heed) => subscribe(states, heed) },
    timers: new Clock(),
    ...options,
  })
  const link = (url: string) => links.forEach((heed) => heed({ url }))
  const state = (name: string) => states.forEach((heed) => heed(name))
  const verifies = () => server.to('/verify').length
  return { server, checkout, opened, link, state, verifies, left: () => links.size + states.size, dismissed: () => dismissed }
}

const answer = (status: string) => (): Reply => ({ body: says(status) })
const returnUrl = 'myapp://checkout'
const success = `${returnUrl}?session_id=cs_1&page=success`
const cancelled = `${returnUrl}?session_id=cs_1&page=cancelled`

const rows: [string, string, string, string | undefined, number | 'many'][] = [
  // The browser's word, the server's, the result, the address that it came back by, how often the server was asked.
  ['success', 'paid', 'paid', success, 1],
  ['success', 'pending', 'unknown', success, 'many'],
  ['success', 'pending', 'cancelled', cancelled, 1],
  ['success', 'paid', 'paid', cancelled, 1],
  ['dismiss', 'paid', 'paid', undefined, 1],
  ['dismiss', 'pending', 'unknown', undefined, 'many'],
  ['cancel', 'paid', 'paid', undefined, 1],
  ['cancel', 'pending', 'cancelled', undefined, 1],
  ['locked', 'pending', 'unknown', undefined, 1],
  ['locked', 'paid', 'paid', undefined, 1],
  ['a_word_of_next_year', 'paid', 'paid', undefined, 1],
]
for (const [type, status, result, backAt, asked] of rows) {
  test(`WebBrowser's "${type}"${backAt ? ` by ${backAt.slice(-9)}` : ''} while the order is ${status} is ${result}`, async () => {
    const it = phone(type, answer(status), { returnUrl, ...(backAt && { backAt }) })
    const outcome = await it.checkout.open(request)
    assert.equal(outcome.result, result)
    if (asked === 'many') assert.ok(it.verifies() > 5)
    else assert.equal(it.verifies(), asked)
    assert.deepEqual(it.opened, [['session', 'https://pay.test/cs_1', returnUrl]])
    assert.equal(it.left(), 0, 'nothing is listened to any more')
    const { success_url, cancel_url } = it.server.asked[0]!.body
    assert.deepEqual([success_url, cancel_url], [returnUrl, returnUrl], 'the return pages open the app')
  })
}

test('"opened" is not asked about until the app is back in front', async () => {
  const it = phone('opened', answer('paid'))
  const opened = it.checkout.open(request)
  await settle()
  it.state('background')
  it.state('inactive')
  await settle()
  assert.equal(it.verifies(), 0)
  it.state('active')
  assert.equal((await opened).result, 'paid')
  assert.deepEqual(it.opened, [['browser', 'https://pay.test/cs_1']])
})

test('"opened" hears the link of the return page, of its own session alone, and closes the browser', async () => {
  let status = 'pending'
  const ui = new Ui()
  const it = phone('opened', () => answer(status)(), { ui: ui.ui })
  const opened = it.checkout.open(request)
  await settle()
  it.link('myapp://checkout?session_id=cs_2&page=success')
  it.link('myapp://settings')
  await settle()
  assert.equal(it.verifies(), 0)
  status = 'paid'
  it.link(success)
  assert.equal((await opened).result, 'paid')
  assert.equal(it.dismissed(), 1)
  assert.equal(it.left(), 0)
})

test('a link that says cancelled is asked about once, and believed by nobody', async () => {
  for (const [status, result] of [['pending', 'cancelled'], ['paid', 'paid']] as const) {
    const it = phone('opened', answer(status))
    const opened = it.checkout.open(request)
    await settle()
    it.link(cancelled)
    assert.equal((await opened).result, result)
    assert.equal(it.verifies(), 1)
  }
})

test('an app with nothing to press is told unknown when nobody can say, and never waits for ever', async () => {
  const it = phone('opened', answer('pending'))
  const opened = it.checkout.open(request)
  await settle()
  it.state('active')
  assert.equal((await opened).result, 'unknown')
})

test('an app that was ended while the buyer paid learns of it from the link that starts it', async () => {
  const paid = phone('opened', answer('paid'), { initial: success })
  assert.equal((await paid.checkout.resume())?.result, 'paid')
  const left = phone('opened', answer('pending'), { initial: cancelled })
  assert.equal((await left.checkout.resume())?.result, 'cancelled')
  assert.equal(await phone('opened', answer('paid'), { initial: 'myapp://settings' }).checkout.resume(), null)
})
