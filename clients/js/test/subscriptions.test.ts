import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SoukError, Unreachable } from '../src/client.ts'
import { Checkout } from '../src/flow.ts'
import { type KeyValueStorage, memory } from '../src/kept.ts'
import { Subscriptions, type ToConfirm } from '../src/subscriptions.ts'
import { type Asked, Clock, problem, type Reply, says, Server, Stage } from './harness.ts'

const request = { lines: [{ price_id: 'prc_1', quantity: 1 }] }

const subscription = (more = {}) => ({
  id: 'sub_1',
  object: 'subscription',
  status: 'incomplete',
  client_secret: 'pi_1_secret_2',
  client_secret_of: 'payment_intent',
  publishable_key: 'pk_test_1',
  stripe_account: 'acct_1',
  ...more,
})

/** A server with a subscription whose payment is confirmed by `pay`. */
function shop(storage: KeyValueStorage = memory()) {
  const clock = new Clock()
  const state = { paid: false, first: subscription(), answers: [] as Reply[] }
  const done = { status: 'active', client_secret: null, client_secret_of: null }
  const server = new Server(({ method, path }: Asked) => {
    if (path.endsWith('/verify')) return { body: says(state.paid ? 'paid' : 'pending') }
    if (path === '/v1/subscriptions' && method === 'POST') return state.answers.shift() ?? { status: 201, body: state.first }
    if (path === '/v1/subscriptions/sub_1') return { body: state.paid ? { ...state.first, ...done } : state.first }
    if (path.endsWith('/access')) return { body: { object: 'access', entitled: true, reason: 'active', until: null } }
    if (path === '/v1/billing_portal_sessions') return { status: 201, body: { object: 'billing_portal_session', url: 'https://billing.test/p/1' } }
    return problem(404, 'not_found')
  })
  const souk = server.client(storage)
  const subscriptions = new Subscriptions(souk, new Checkout(souk, new Stage(), null, clock), clock)
  const asked: ToConfirm[] = []
  const pay = async (what: ToConfirm) => {
    asked.push(what)
    state.paid = true
  }
  return { server, state, subscriptions, pay, asked, begun: () => server.asked.filter(({ method, path }) => method === 'POST' && path === '/v1/subscriptions') }
}

test('what Stripe.js confirms is what the server says, and the server says what became of it', async () => {
  const { subscriptions, pay, asked, server } = shop()
  const outcome = await subscriptions.subscribe(request, pay)
  assert.equal(outcome.result, 'paid')
  assert.equal(outcome.subscription.status, 'active')
  assert.equal(outcome.needsCard, false)
  const { client_secret, client_secret_of, stripe_account } = asked[0]!
  assert.deepEqual([client_secret, client_secret_of, stripe_account], ['pi_1_secret_2', 'payment_intent', 'acct_1'])
  assert.equal(server.to('/verify')[0]!.path, '/v1/subscriptions/sub_1/verify')
})

test('two clicks are one subscription, and a click after a result another', async () => {
  const { subscriptions, pay, begun } = shop()
  const [one, other] = await Promise.all([subscriptions.subscribe(request, pay), subscriptions.subscribe(request, pay)])
  assert.equal(one.subscription, other.subscription)
  assert.equal(begun().length, 1)
  await subscriptions.subscribe(request, pay)
  assert.notEqual(begun()[0]!.headers['Idempotency-Key'], begun()[1]!.headers['Idempotency-Key'])
})

test('a success that Stripe.js claims is none, and a decline is gone on with after a reload under the same key', async () => {
  const storage = memory()
  const before = shop(storage)
  const outcome = await before.subscriptions.subscribe(request, async () => ({ paymentIntent: { status: 'succeeded' } }))
  assert.notEqual(outcome.result, 'paid')
  const declined = await before.subscriptions.subscribe(request, async () => Promise.reject(new Error('declined')))
  assert.notEqual(declined.result, 'paid')
  const after = shop(storage)
  assert.equal((await after.subscriptions.subscribe(request, after.pay)).result, 'paid')
  const keys = [...before.begun(), ...after.begun()].map(({ headers }) => headers['Idempotency-Key'])
  assert.equal(new Set(keys).size, 1)
})

test('an answer that was lost is asked for again under its key', async () => {
  const { subscriptions, pay, state, begun } = shop()
  state.answers = ['offline', problem(503, 'stripe_unavailable'), problem(409, 'idempotency_in_flight')]
  assert.equal((await subscriptions.subscribe(request, pay)).result, 'paid')
  assert.equal(begun().length, 4)
  assert.equal(new Set(begun().map(({ headers }) => headers['Idempotency-Key'])).size, 1)
})

test('a refusal is thrown, and the next click is another request', async () => {
  const { subscriptions, pay, state, begun, asked } = shop()
  state.answers = [problem(409, 'already_subscribed')]
  await assert.rejects(subscriptions.subscribe(request, pay), (error) => error instanceof SoukError && error.code === 'already_subscribed')
  assert.equal(asked.length, 0)
  await subscriptions.subscribe(request, pay)
  assert.notEqual(begun()[0]!.headers['Idempotency-Key'], begun()[1]!.headers['Idempotency-Key'])
})

test('without any answer nothing is shown', async () => {
  const { subscriptions, pay, state, asked } = shop()
  state.answers = Array(9).fill('offline')
  await assert.rejects(subscriptions.subscribe(request, pay), Unreachable)
  assert.equal(asked.length, 0)
})

test('a trial is paid at once, and says that a card is still to be given until it is', async () => {
  const { subscriptions, state, begun } = shop()
  state.first = subscription({ status: 'trialing', client_secret: 'seti_1_secret_2', client_secret_of: 'setup_intent' })
  const gone = await subscriptions.subscribe(request, async ({ client_secret_of }) => assert.equal(client_secret_of, 'setup_intent'))
  assert.equal(gone.needsCard, true)
  const given = await subscriptions.subscribe(request, async () => void (state.paid = true))
  assert.equal(given.needsCard, false)
  assert.equal(new Set(begun().map(({ headers }) => headers['Idempotency-Key'])).size, 1, 'it is gone on with')
})

test('nothing is confirmed where nothing is to be done', async () => {
  const { subscriptions, pay, asked, state } = shop()
  state.first = subscription({ status: 'active', client_secret: null, client_secret_of: null })
  state.paid = true
  assert.equal((await subscriptions.subscribe(request, pay)).result, 'paid')
  assert.equal(asked.length, 0)
})

test('access is asked by subscription or product, and the portal answers its address', async () => {
  const { subscriptions, server } = shop()
  assert.equal((await subscriptions.access({ product: 'prd_1' })).entitled, true)
  assert.equal((await subscriptions.access({ subscription: 'sub_1' })).reason, 'active')
  assert.equal(await subscriptions.portal({ subscription_id: 'sub_1', flow: 'subscription_cancel' }), 'https://billing.test/p/1')
  const paths = server.asked.map(({ path }) => path)
  assert.deepEqual(paths, ['/v1/products/prd_1/access', '/v1/subscriptions/sub_1/access', '/v1/billing_portal_sessions'])
  assert.deepEqual(server.asked[2]!.body, { subscription_id: 'sub_1', flow: 'subscription_cancel' })
})
