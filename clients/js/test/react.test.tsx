import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StrictMode } from 'react'
import { act, create } from 'react-test-renderer'

import { Checkout } from '../src/flow.ts'
import { useCheckout, type UseCheckout } from '../src/react.ts'
import { Clock, type Reply, request, says, Server, session, settle, Stage } from './harness.ts'

;(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true

/** A component that shows what the hook says, in strict mode, where effects run twice. */
async function shop(verified: () => Reply, stage = new Stage()) {
  const server = new Server(({ path }) => (path.endsWith('/verify') ? verified() : session('cs_1')))
  const checkout = new Checkout(server.client(), stage, null, new Clock())
  let now: UseCheckout<object> | undefined
  const phases: string[] = []
  const Shop = () => {
    now = useCheckout(checkout)
    if (phases.at(-1) !== now.state.phase) phases.push(now.state.phase)
    return null
  }
  const all = async (what: () => unknown) => act(async () => {
    what()
    await settle()
  })
  await all(() => void create(<StrictMode><Shop /></StrictMode>))
  return { server, stage, phases, all, hook: () => now!, state: () => now!.state as any }
}

test('the hook goes from idle over waiting to the outcome, and its buttons are the app’s', async () => {
  let status = 'pending'
  const it = await shop(() => ({ body: says(status) }))
  await it.all(() => it.hook().open(request))
  assert.equal(it.state().phase, 'waiting')
  assert.equal(it.state().waiting.url, 'https://pay.test/cs_1')
  await it.all(() => it.state().waiting.paid())
  assert.deepEqual([it.state().phase, it.state().message], ['waiting', 'pending'])
  status = 'paid'
  await it.all(() => it.state().waiting.paid())
  assert.equal(it.state().outcome.result, 'paid')
  assert.deepEqual(it.phases, ['idle', 'opening', 'waiting', 'done'])
  await it.all(() => it.hook().reset())
  assert.equal(it.state().phase, 'idle')
})

test('a refusal is a state, not an exception that nobody catches', async () => {
  const it = await shop(() => ({}))
  it.server.answer = () => ({ status: 409, body: { code: 'sold_out', detail: 'Too few are left.' } })
  await it.all(() => it.hook().open(request))
  assert.deepEqual([it.state().phase, it.state().error.code], ['refused', 'sold_out'])
})

test('what was left open is told when the component appears', async () => {
  const stage = new Stage()
  stage.from = { session: 'cs_1', sign: 'returned' }
  const it = await shop(() => ({ body: says('paid') }), stage)
  assert.equal(it.state().outcome.result, 'paid')
})

test('a double press opens one session', async () => {
  const it = await shop(() => ({ body: says('paid') }))
  await it.all(() => {
    void it.hook().open(request)
    void it.hook().open(request)
  })
  assert.equal(it.stage.shown.length, 1)
  await it.all(() => it.state().waiting.paid())
  assert.equal(it.state().phase, 'done')
})
