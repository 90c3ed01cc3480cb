import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SoukError, Unreachable } from '../src/client.ts'
import { Kept, memory } from '../src/kept.ts'
import { type Asked, problem, Server } from './harness.ts'

const pair = (n: number) => ({ object: 'token_pair', access_token: `at_${n}`, refresh_token: `rt_${n}`, user: { id: 'usr_1' } })

/** Takes the newest access token alone, and each refresh token once, as the server does. */
function identity() {
  let newest = 1
  const server = new Server(async ({ path, headers, body }: Asked) => {
    if (path === '/v1/auth/login') return { body: pair(newest) }
    if (path === '/v1/auth/refresh') {
      await new Promise((resolve) => setTimeout(resolve, 5))
      if (body.refresh_token !== `rt_${newest}`) return problem(401, 'invalid_token')
      return { body: pair(++newest) }
    }
    const token = headers['Authorization']
    if (token === undefined || token === `Bearer at_${newest}`) return { body: { object: 'user', id: token ?? 'nobody' } }
    return problem(401, 'invalid_token')
  })
  return { server, spend: () => newest++, end: () => (newest = 1000), mend: (n: number) => (newest = n) }
}

test('many requests that find the token spent renew it once, and each is answered', async () => {
  const { server } = identity()
  const storage = memory()
  const souk = server.client(storage)
  await souk.login({ email: 'sam@example.com', password: 'correct horse' })
  await storage.setItem('souk.tokens', JSON.stringify({ access_token: 'at_0', refresh_token: 'rt_1' }))
  const answers = await Promise.all(Array.from({ length: 8 }, () => souk.get('/v1/users/me')))
  assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set(['Bearer at_2']))
  assert.equal(server.to('/v1/auth/refresh').length, 1)
  assert.equal(server.to('/v1/users/me').length, 16)
})

test('a token that another tab has renewed is taken from where both keep it', async () => {
  const { server, spend } = identity()
  const storage = memory()
  const souk = server.client(storage)
  await souk.login({ email: 'sam@example.com', password: 'correct horse' })
  const answered = server.answer
  server.answer = async (asked) => {
    const answer = await answered(asked)
    if (asked.path === '/v1/users/me' && (answer as { status?: number }).status === 401) {
      await storage.setItem('souk.tokens', JSON.stringify({ access_token: 'at_2', refresh_token: 'rt_2' }))
    }
    return answer
  }
  spend()
  assert.equal((await souk.get('/v1/users/me')).id, 'Bearer at_2')
  assert.equal(server.to('/v1/auth/refresh').length, 0, 'a refresh token used twice ends the login')
})

test('a refresh that is refused ends the login, says so once, and does not make a buyer a guest', async () => {
  const { server, end } = identity()
  let told = 0
  const souk = server.client(memory(), () => told++)
  await souk.login({ email: 'sam@example.com', password: 'correct horse' })
  end()
  const tries = [souk.get('/v1/users/me'), souk.get('/v1/users/me')]
  for (const each of await Promise.allSettled(tries)) {
    assert.ok(each.status === 'rejected' && each.reason instanceof SoukError)
    assert.equal(each.reason.code, 'invalid_token')
  }
  assert.equal(told, 1)
  assert.equal(await souk.isLoggedIn(), false)
})

test('what anybody may ask is answered without a token once the login is over', async () => {
  const { server, end } = identity()
  const souk = server.client()
  await souk.login({ email: 'sam@example.com', password: 'correct horse' })
  end()
  assert.equal((await souk.get('/v1/users/me', { anybody: true })).id, 'nobody')
})

test('no answer to a refresh keeps the login', async () => {
  const { server, end } = identity()
  const souk = server.client()
  await souk.login({ email: 'sam@example.com', password: 'correct horse' })
  end()
  const answered = server.answer
  server.answer = (asked) => (asked.path === '/v1/auth/refresh' ? 'offline' : answered(asked))
  await assert.rejects(souk.get('/v1/users/me'), Unreachable)
  assert.equal(await souk.isLoggedIn(), true)
})

test('a problem is a typed error with its code, its field and the id to quote', async () => {
  const body = { type: 'x', title: 'x', status: 422, detail: 'lines[0].quantity is too large.', code: 'invalid_request', param: 'lines[0].quantity', request_id: 'req_7' }
  const souk = new Server(() => ({ status: 422, body })).client()
  await assert.rejects(souk.post('/v1/checkout_sessions', { body: { lines: [] } }), (error: SoukError) => {
    assert.deepEqual([error.status, error.code, error.param, error.requestId], [422, 'invalid_request', 'lines[0].quantity', 'req_7'])
    return error.message === 'lines[0].quantity is too large.'
  })
})

test("a page of somebody between isn't an answer", async () => {
  const hotel = new Server(() => ({ body: '<p>Welcome to our hotel</p>' })).client()
  await assert.rejects(hotel.get('/v1/users/me'), (error: SoukError) => error.status === 502 && error.code === null)
  const proxy = new Server(() => ({ status: 503, body: '<p>Bad gateway</p>', headers: { 'Retry-After': '3' } })).client()
  await assert.rejects(proxy.get('/v1/users/me'), (error: SoukError) => error.status === 503 && error.retryAfter === 3000)
  await assert.rejects(new Server(() => 'offline').client().get('/v1/users/me'), Unreachable)
})

test('a request is given up once it has waited long enough', async () => {
  const server = new Server(() => ({}))
  const never = ((_: string, { signal }: RequestInit) =>
    new Promise((_, reject) => signal!.addEventListener('abort', () => reject(new Error('aborted'))))) as typeof fetch
  const { SoukClient } = await import('../src/client.ts')
  const souk = new SoukClient({ url: 'https://souk.test', fetch: never, timeout: 5 })
  await assert.rejects(souk.get('/v1/users/me'), Unreachable)
  assert.equal(server.asked.length, 0)
})

test('paths, queries and headers are as the contract says', async () => {
  const server = new Server(() => ({ body: {} }))
  const souk = server.client()
  await souk.get('/v1/orders', { query: { limit: 3, status: 'paid' } })
  await souk.post('/v1/refunds', { body: { order_id: 'ord_1' } as never, idempotencyKey: 'k', orderSecret: 'ors_1', guestToken: 'gst_1' })
  await souk.get('/v1/orders/{id}', { id: 'ord_/../1' })
  assert.deepEqual(server.asked.map(({ method, path }) => `${method} ${path}`), ['GET /v1/orders?limit=3&status=paid', 'POST /v1/refunds', 'GET /v1/orders/ord_%2F..%2F1'])
  const { headers } = server.asked[1]!
  assert.deepEqual([headers['Idempotency-Key'], headers['Order-Secret'], headers['Guest-Token']], ['k', 'ors_1', 'gst_1'])
})

test('an action keeps its key and its body over reloads, until it ends or the server has forgotten the key', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const storage = memory()
  const first = await new Kept(storage).action('buy', () => 'one')
  const again = await new Kept(storage).action('buy', () => 'another')
  assert.deepEqual([again.key, again.body], [first.key, 'one'])
  const both = new Kept(storage)
  const [a, b] = await Promise.all([both.action('x', () => ''), both.action('x', () => '')])
  assert.equal(a.key, b.key, 'two at once are one')
  t.mock.timers.tick(23 * 3_600_000 + 1)
  const late = await new Kept(storage).action('buy', () => 'two')
  assert.notEqual(late.key, first.key)
  assert.equal(late.body, 'two')
  await new Kept(storage).end('buy')
  assert.notEqual((await new Kept(storage).action('buy', () => '')).key, late.key)
})

test("a guest's secrets are kept, the newest hundred", async () => {
  const storage = memory()
  for (let i = 0; i < 120; i++) await new Kept(storage).keepSecret([`ord_${i}`], `ors_${i}`)
  const kept = new Kept(storage)
  assert.equal(await kept.secret('ord_119'), 'ors_119')
  assert.equal(await kept.secret('ord_20'), 'ors_20')
  assert.equal(await kept.secret('ord_19'), undefined)
  const server = new Server(() => ({ body: {} }))
  await server.client(storage).order('ord_119')
  assert.equal(server.asked[0]!.headers['Order-Secret'], 'ors_119')
})

test('storage that is refused or holds nonsense loses what it holds, and nothing else', async () => {
  const refuse = () => {
    throw new Error('SecurityError')
  }
  const kept = new Kept({ getItem: refuse, setItem: refuse, removeItem: refuse })
  assert.ok((await kept.action('buy', () => '')).key)
  const nonsense = new Kept({ getItem: () => '{', setItem: () => {}, removeItem: () => {} })
  assert.ok((await nonsense.action('buy', () => '')).key)
})

test('a key is made without crypto, too, as React Native lacks it', async (t) => {
  const real = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true })
  t.after(() => Object.defineProperty(globalThis, 'crypto', real))
  const keys = new Set<string>()
  for (let i = 0; i < 100; i++) keys.add((await new Kept(memory()).action('buy', () => '')).key)
  assert.equal(keys.size, 100)
  for (const key of keys) assert.match(key, /^[\w-]{20,255}$/)
})
