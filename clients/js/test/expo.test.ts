import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createElement } from 'react'
import { act, create, type ReactTestRenderer } from 'react-test-renderer'

import App from '../examples/expo/App.tsx'
import { closes } from './doubles/expo-web-browser.ts'
import { says, session, settle } from './harness.ts'

;(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true

const all = (what: () => unknown) =>
  act(async () => {
    what()
    await settle()
  })
const texts = (app: ReactTestRenderer) => app.root.findAllByType('Text' as never).map(({ children }) => children.join(''))
const press = (app: ReactTestRenderer, title: string) => all(() => app.root.find(({ type, props }) => (type as unknown) === 'Button' && props['title'] === title).props['onPress']())

test('the Expo example opens the page in an auth session, and says what the server says', async (t) => {
  let status = 'pending'
  const asked: string[] = []
  t.mock.method(globalThis, 'fetch', async (url: string) => {
    asked.push(url)
    const reply = url.endsWith('/verify') ? { status: 200, body: says(status) } : session('cs_1')
    return new Response(JSON.stringify(reply.body), { status: reply.status })
  })
  let app: ReactTestRenderer | undefined
  await all(() => (app = create(createElement(App))))
  assert.deepEqual(texts(app!), ['Olive wood bowl'])

  closes.by = { type: 'cancel' }
  await press(app!, 'Buy')
  assert.deepEqual(closes.opened, [['https://pay.test/cs_1', 'teahouse://checkout']])
  assert.ok(texts(app!).includes('You have not paid. The bowl is still here.'), texts(app!).join())

  status = 'paid'
  closes.by = { type: 'success', url: 'teahouse://checkout?session_id=cs_1&page=success' }
  await press(app!, 'Back to the shop')
  await press(app!, 'Buy')
  assert.ok(texts(app!).includes('Thank you, it is paid.'), texts(app!).join())
  assert.ok(asked.every((url) => url.startsWith('https://souk.example.com/v1/checkout_sessions')))
})
