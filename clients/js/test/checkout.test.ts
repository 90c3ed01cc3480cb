import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type KeyValueStorage, SoukError } from '../src/client.ts'
import { Checkout, type Outcome, pause, type Shown } from '../src/flow.ts'
import { memory } from '../src/kept.ts'
import { type Asked, Clock, problem, type Reply, request, says, Server, session, settle, Stage, Ui } from './harness.ts'

/** A shop whose server opens `cs_1`, `cs_2` … by key, and verifies as `verified` says. */
function shop(verified: () => Reply, storage: KeyValueStorage = memory()) {
  const keys: string[] = []
  const bodies: string[] = []
  const server = new Server(({ path, headers, body }: Asked) => {
    if (path.endsWith('/verify')) return verified()
    const key = headers['Idempotency-Key']!
    if (!keys.includes(key)) {
      keys.push(key)
      bodies.push(JSON.stringify(body))
    }
    const n = keys.indexOf(key)
    return bodies[n] === JSON.stringify(body) ? session(`cs_${n + 1}`) : problem(422, 'idempotency_mismatch')
  })
  const stage = new Stage()
  const clock = new Clock()
  const ui = new Ui()
  const souk = server.client(storage)
  return { server, stage, clock, ui, souk, storage, keys, checkout: new Checkout(souk, stage, ui.ui, clock) }
}

const answer = (status: string, more = {}): Reply => ({ body: says(status, more) })
const verifies = ({ server }: { server: Server }) => server.to('/verify').length

test('each state of an order is its result, and what may still change is asked again', async () => {
  const none = { refund_failed: false, disputed: false }
  const rows: [string, object, string, boolean][] = [
    ['paid', none, 'paid', true],
    ['processing', none, 'processing', true],
    // Held is not paid, though the sale has succeeded.
    ['authorized', { success: true }, 'processing', true],
    ['failed', none, 'failed', true],
    ['expired', none, 'expired', true],
    ['refunded', none, 'refunded', true],
    ['cancelled', none, 'cancelled', true],
    ['cancelled_sold_out', none, 'cancelled', true],
    ['pending', none, 'unknown', false],
    ['refund_due', none, 'processing', false],
    ['refund_due', { refund_failed: true }, 'unknown', true],
    ['refund_due', { disputed: true }, 'unknown', true],
    ['pending', { seller_disconnected: true }, 'unknown', true],
    ['processing', { seller_disconnected: true }, 'unknown', true],
    ['a_state_of_next_year', none, 'unknown', false],
  ]
  for (const [status, more, result, isFinal] of rows) {
    const it = shop(() => answer(status, more))
    const outcome = await it.checkout.verify('cs_1', { patience: 20_000 })
    assert.equal(outcome.result, result, status)
    assert.equal(verifies(it) === 1, isFinal, `${status}: asked ${verifies(it)} times`)
    assert.equal(outcome.message, status, "the server's words")
  }
})

test('of several orders one that is paid is a sale, and one that is open leaves the others open', async () => {
  const of = (...states: string[]) => states.map((status) => ({ ...says(status), order: null }))
  const rows: [string, string[], boolean, string][] = [
    ['paid', ['refund_due', 'paid'], true, 'paid'],
    ['cancelled_sold_out', ['cancelled_sold_out', 'pending'], false, 'unknown'],
    ['refunded', ['refunded', 'refund_due'], false, 'processing'],
    ['refunded', ['refunded', 'cancelled_sold_out'], true, 'refunded'],
  ]
  for (const [status, states, isFinal, result] of rows) {
    const it = shop(() => answer(status, { orders: of(...states) as never }))
    assert.equal((await it.checkout.verify('cs_1', { patience: 10_000 })).result, result, states.join())
    assert.equal(verifies(it) === 1, isFinal, states.join())
  }
})

test('delays begin with 1.5 seconds, grow by half, and end at 5', async () => {
  const it = shop(() => answer('pending'))
  const outcome = await it.checkout.verify('cs_1')
  assert.deepEqual(it.clock.slept.slice(0, 6), [1500, 2250, 3375, 5000, 5000, 5000])
  assert.ok(it.clock.time <= 45_000 && it.clock.time > 38_000, `${it.clock.time} ms`)
  assert.equal(outcome.result, 'unknown')
  assert.deepEqual([pause(1500, 0), pause(1500, 1), pause(5000, 0), pause(5000, 1)], [1125, 1875, 3750, 5000])
})

test('no answer and a 5xx are asked again, a 4xx never', async () => {
  const replies: Reply[] = ['offline', problem(503, 'stripe_unavailable'), { status: 502, body: '<p>proxy</p>' }, answer('paid')]
  const mended = shop(() => replies.shift()!)
  assert.equal((await mended.checkout.verify('cs_1')).result, 'paid')
  assert.equal(verifies(mended), 4)
  for (const status of [400, 403, 404, 409, 415, 422]) {
    const refused = shop(() => problem(status, 'not_found'))
    const outcome = await refused.checkout.verify('cs_1')
    assert.equal(outcome.result, 'unknown')
    assert.equal((outcome.error as SoukError).status, status)
    assert.equal(verifies(refused), 1, `${status}`)
  }
})

test('too many requests are asked again when the server says, and not before', async () => {
  const replies = [problem(429, 'too_many_requests', { 'Retry-After': '9' }), answer('paid')]
  const it = shop(() => replies.shift()!)
  assert.equal((await it.checkout.verify('cs_1')).result, 'paid')
  assert.deepEqual(it.clock.slept, [9000])
})

test('what was known before the connection broke off is no result', async () => {
  const replies = [answer('refund_due')]
  const it = shop(() => replies.shift() ?? 'offline')
  assert.equal((await it.checkout.verify('cs_1')).result, 'unknown')
})

test('an intent is verified as an intent', async () => {
  const it = shop(() => answer('paid'))
  await it.checkout.verify('pi_1')
  assert.equal(it.server.asked[0]!.path, '/v1/payment_intents/pi_1/verify')
})

test('a double click opens one session and one page, and both hear the same', async () => {
  const it = shop(() => answer('paid'))
  it.stage.show = async () => 'dismiss'
  const [one, two] = await Promise.all([it.checkout.open(request), it.checkout.open({ ...request })])
  assert.equal(one, two)
  assert.equal(it.keys.length, 1)
  assert.equal(it.stage.shown.length, 1)
  assert.equal(it.stage.closed, 1)
})

const shownAs: [Shown, () => Reply, string, boolean][] = [
  // People pay, and then press X.
  ['cancel', () => answer('paid'), 'paid', true],
  ['cancel', () => answer('processing'), 'processing', true],
  ['cancel', () => answer('pending'), 'cancelled', true],
  ['cancel', () => answer('pending', { seller_disconnected: true }), 'unknown', true],
  ['cancel', () => 'offline', 'unknown', false],
  ['cancel', () => problem(404, 'not_found'), 'unknown', true],
  ['dismiss', () => answer('paid'), 'paid', true],
  ['dismiss', () => answer('pending'), 'unknown', false],
  ['success', () => answer('pending'), 'unknown', false],
  ['success', () => answer('paid'), 'paid', true],
  ['locked', () => answer('pending'), 'unknown', true],
  ['locked', () => answer('paid'), 'paid', true],
]
for (const [shown, verified, result, isAskedOnce] of shownAs) {
  test(`a page left by ${shown} while the server says ${JSON.stringify(verified()).slice(0, 60)}… is ${result}`, async () => {
    const it = shop(verified)
    it.stage.show = async () => shown
    assert.equal((await it.checkout.open(request)).result, result)
    assert.equal(verifies(it) === 1, isAskedOnce, `asked ${verifies(it)} times`)
  })
}

test('an opened page is not asked about until there is a sign', async () => {
  const it = shop(() => answer('paid'))
  const opened = it.checkout.open(request)
  await settle()
  assert.equal(verifies(it), 0)
  assert.equal(it.ui.waiting!.url, 'https://pay.test/cs_1')
  it.stage.sign('seen')
  assert.equal((await opened).result, 'paid')
  assert.equal(it.ui.closed, 1)
  assert.equal(it.stage.closed, 1)
  assert.equal(it.stage.signs.length, 0, 'nothing is watched any more')
})

test('a look at the shop while nothing is paid changes nothing, and signs meanwhile ask no second time at once', async () => {
  let status = 'pending'
  const it = shop(() => answer(status))
  const opened = it.checkout.open(request)
  await settle()
  it.stage.sign('seen')
  it.stage.sign('seen')
  it.stage.sign('seen')
  await settle()
  const asked = verifies(it)
  // A quarter of a minute with growing delays, not three of them.
  assert.ok(asked > 1 && asked <= 6, `${asked}`)
  assert.deepEqual(it.ui.messages, ['pending'])
  status = 'paid'
  it.stage.sign('seen')
  assert.equal((await opened).result, 'paid')
})

test('"I have paid" that the server does not confirm is said, and waits on', async () => {
  let verified: Reply = answer('pending')
  const it = shop(() => verified)
  const opened = it.checkout.open(request)
  await settle()
  it.ui.waiting!.paid()
  await settle()
  assert.deepEqual(it.ui.messages, ['pending'])
  verified = 'offline'
  it.ui.waiting!.paid()
  await settle()
  assert.equal(it.ui.messages.length, 2)
  verified = answer('paid')
  it.ui.waiting!.paid()
  assert.equal((await opened).result, 'paid')
})

for (const [status, result] of [['pending', 'cancelled'], ['paid', 'paid']] as const) {
  test(`a buyer who gives up while the server says ${status} is ${result}, by one question`, async () => {
    const it = shop(() => answer(status))
    const opened = it.checkout.open(request)
    await settle()
    it.ui.waiting!.cancel()
    assert.equal((await opened).result, result)
    assert.equal(verifies(it), 1)
  })
}

test('whoever gives up just after a question is answered by Stripe, and not by what the server knew before', async () => {
  const it = shop(() => answer('pending'))
  const opened = it.checkout.open(request)
  await settle()
  it.ui.waiting!.paid()
  await settle()
  const { length } = it.clock.slept
  it.ui.waiting!.cancel()
  assert.equal((await opened).result, 'cancelled')
  const waited = it.clock.slept.slice(length).reduce((sum, each) => sum + each, 0)
  assert.equal(waited, 2100)
})

test('whoever gives up during a question is answered by the newer one', async () => {
  let free = () => {}
  const first = new Promise<Reply>((resolve) => (free = () => resolve(answer('pending'))))
  const replies: (Reply | Promise<Reply>)[] = [first, answer('pending')]
  const it = shop(() => replies.shift() as Reply)
  const opened = it.checkout.open(request)
  await settle()
  it.ui.waiting!.paid()
  await settle()
  it.ui.waiting!.cancel()
  assert.equal((await opened).result, 'cancelled')
  free()
  await settle()
  assert.equal(it.ui.closed, 1)
})

test('whoever gives up and then says "I have paid" is not answered by the older question', async () => {
  let free = () => {}
  const first = new Promise<Reply>((resolve) => (free = () => resolve(answer('pending'))))
  const replies: (Reply | Promise<Reply>)[] = [first]
  const it = shop(() => (replies.shift() ?? answer('pending')) as Reply)
  const opened = it.checkout.open(request)
  await settle()
  it.ui.waiting!.cancel()
  await settle()
  it.ui.waiting!.paid()
  free()
  await settle()
  assert.equal(it.ui.closed, 0, 'still waiting')
  it.ui.waiting!.cancel()
  assert.equal((await opened).result, 'cancelled')
})

test('a sign that comes before the page says that it is open is not lost', async () => {
  const it = shop(() => answer('paid'))
  it.stage.show = async () => {
    it.stage.sign('returned')
    return 'opened'
  }
  assert.equal((await it.checkout.open(request)).result, 'paid')
})

test('without anything to press, the first look without a result is unknown', async () => {
  const it = shop(() => answer('pending'))
  const opened = it.checkout.open(request, { ui: null })
  await settle()
  it.stage.sign('seen')
  assert.equal((await opened).result, 'unknown')
})

test('a reload in the middle goes on with the same session, and sends the same bytes', async () => {
  let status = 'pending'
  const before = shop(() => answer(status))
  void before.checkout.open(request)
  await settle()
  const after = { ...before, stage: new Stage() }
  after.stage.page = () => ({ ...new Stage().page(), urls: { success_url: 'https://shop.test/elsewhere' }, show: before.stage.page().show })
  const checkout = new Checkout(before.server.client(before.storage), after.stage, before.ui.ui, before.clock)
  const opened = checkout.open(request)
  await settle()
  status = 'paid'
  after.stage.sign('seen')
  assert.equal((await opened).id, 'cs_1')
  assert.equal(before.keys.length, 1)
})

test('whoever paid, closed everything and clicks again is told that it is paid, and pays no second time', async () => {
  let status = 'pending'
  const it = shop(() => answer(status))
  void it.checkout.open(request)
  await settle()
  status = 'paid'
  const later = new Checkout(it.server.client(it.storage), it.stage, it.ui.ui, it.clock)
  const shown = it.stage.shown.length
  assert.deepEqual([(await later.open(request)).result, it.keys.length, it.stage.shown.length], ['paid', 1, shown])
  // Once that is said, another click is another purchase.
  it.stage.show = async () => 'dismiss'
  assert.equal((await later.open(request)).id, 'cs_2')
})

test('what ended unpaid makes way for a new session in the same click', async () => {
  for (const ended of ['expired', 'failed', 'cancelled', 'refunded']) {
    const it = shop(() => answer(verifies(it) === 1 ? ended : 'paid'))
    void it.checkout.open(request)
    await settle()
    it.stage.show = async () => 'dismiss'
    const later = new Checkout(it.server.client(it.storage), it.stage, it.ui.ui, it.clock)
    const outcome = await later.open(request)
    assert.deepEqual([outcome.result, outcome.id], ['paid', 'cs_2'], ended)
  }
})

test('a bank debit under way is no second order, and a sale that is held makes way for the next', async () => {
  for (const [status, next] of [['processing', 'cs_1'], ['authorized', 'cs_2']] as const) {
    const it = shop(() => answer(status, { success: status === 'authorized' }))
    it.stage.show = async () => 'dismiss'
    assert.equal((await it.checkout.open(request)).result, 'processing')
    assert.equal((await it.checkout.open(request)).id, next)
  }
})

test('a session that is still open stays the one to pay after the buyer gave up', async () => {
  const it = shop(() => answer('pending'))
  it.stage.show = async () => 'cancel'
  assert.equal((await it.checkout.open(request)).result, 'cancelled')
  assert.equal((await it.checkout.open(request)).id, 'cs_1')
  assert.equal(it.keys.length, 1)
})

test('a create without an answer is repeated under its key, and a refusal ends it', async () => {
  const lost: Reply[] = ['offline', problem(503, 'stripe_unavailable'), problem(409, 'idempotency_in_flight')]
  const it = shop(() => answer('paid'))
  const answered = it.server.answer
  it.server.answer = (asked) => (asked.path.endsWith('/verify') ? answered(asked) : (lost.shift() ?? answered(asked)))
  it.stage.show = async () => 'dismiss'
  assert.equal((await it.checkout.open(request)).result, 'paid')
  const keys = it.server.asked.map(({ headers }) => headers['Idempotency-Key']).filter(Boolean)
  assert.equal(keys.length, 4)
  assert.equal(new Set(keys).size, 1)

  it.server.answer = () => problem(409, 'sold_out')
  await assert.rejects(it.checkout.open(request), (error: SoukError) => error.code === 'sold_out')
  assert.equal(it.stage.closed, 2, 'the empty window is closed')
  assert.deepEqual(await it.souk.kept.actions(), [])
})

test('a create that is never answered keeps its key for the next click', async () => {
  const it = shop(() => answer('paid'))
  const answered = it.server.answer
  it.server.answer = () => 'offline'
  await assert.rejects(it.checkout.open(request))
  it.server.answer = answered
  it.stage.show = async () => 'dismiss'
  await it.checkout.open(request)
  const keys = it.server.asked.map(({ headers }) => headers['Idempotency-Key']).filter(Boolean)
  assert.equal(new Set(keys).size, 1)
})

test("a guest's secret goes with every question, so that the answer shows their order", async () => {
  const it = shop(() => answer('paid'))
  it.stage.show = async () => 'dismiss'
  await it.checkout.open(request)
  assert.equal(it.server.to('/verify')[0]!.headers['Order-Secret'], 'ors_secret')
  await new Checkout(it.server.client(it.storage), it.stage, null, it.clock).verify('cs_1')
  assert.equal(it.server.to('/verify')[1]!.headers['Order-Secret'], 'ors_secret')
})

test('two things are bought at the same time, each by its own session', async () => {
  const it = shop(() => answer('paid'))
  it.stage.show = async () => 'dismiss'
  const other = { ...request, lines: [{ product_id: 'prd_2', quantity: 1 }] }
  const outcomes = await Promise.all([it.checkout.open(request), it.checkout.open(other)])
  assert.deepEqual(outcomes.map(({ id }) => id).sort(), ['cs_1', 'cs_2'])
})

test('coming back is asked about with patience, leaving once', async () => {
  const back = async (sign: 'returned' | 'left', status: string): Promise<[Outcome | null, number]> => {
    const it = shop(() => answer(status))
    it.stage.from = { session: 'cs_1', sign }
    return [await it.checkout.resume(), verifies(it)]
  }
  assert.equal((await back('returned', 'paid'))[0]?.result, 'paid')
  const [open, asked] = await back('returned', 'pending')
  assert.equal(open?.result, 'unknown')
  assert.ok(asked > 5)
  const [left, once] = await back('left', 'pending')
  assert.deepEqual([left?.result, once], ['cancelled', 1])
  assert.equal((await back('left', 'paid'))[0]?.result, 'paid')
})

test('at a start, what was paid meanwhile is told once, and what is open in another tab is left alone', async () => {
  let status = 'pending'
  const it = shop(() => answer(status))
  void it.checkout.open(request)
  await settle()
  const start = () => new Checkout(it.server.client(it.storage), new Stage(), null, it.clock).resume()
  assert.equal(await start(), null)
  status = 'paid'
  assert.equal((await start())?.result, 'paid')
  assert.equal(await start(), null)
})

test('other tabs are told that it is over', async () => {
  const it = shop(() => answer('paid'))
  it.stage.show = async () => 'dismiss'
  await it.checkout.open(request)
  assert.deepEqual(it.stage.announced, ['cs_1'])
})
