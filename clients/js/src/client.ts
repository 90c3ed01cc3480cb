/** Requests to a Souk server: types of the contract, typed errors, tokens, and what must survive a reload. */

import type { components, paths } from './openapi.js'
import { type KeyValueStorage, Kept, memory } from './kept.js'

export type { KeyValueStorage } from './kept.js'

export type Schemas = components['schemas']
export type Problem = Schemas['Problem']
export type ErrorCode = Schemas['ErrorCode']
export type User = Schemas['User']

type Method = 'get' | 'post' | 'patch' | 'delete'
type Having<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never
}[keyof paths]
type Operation<P, M extends Method> = P extends keyof paths ? (paths[P] extends Record<M, infer O> ? O : never) : never
type Json<T> = T extends { content: { 'application/json': infer B } } ? B : undefined
type Body<O> = 0 extends 1 & O ? any : O extends { requestBody?: infer R } ? Json<NonNullable<R>> : undefined
type Answer<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never
type Query<O> = 0 extends 1 & O ? object : O extends { parameters: { query?: infer Q } } ? Q : undefined

export interface RequestOptions<O = any> {
  /** What stands for `{id}` in the path. */
  id?: string
  body?: Body<O>
  query?: Query<O>
  /** The same key and body have the same answer, however often they are sent. */
  idempotencyKey?: string
  /** A guest's proof that an order is theirs. */
  orderSecret?: string
  /** A guest's proof that an address is theirs. It lives for an hour, and isn't kept here. */
  guestToken?: string
  /** Asked without a token once the login is over, where anybody may ask. */
  anybody?: boolean
  signal?: AbortSignal | undefined
}

/** The server said no, or that it can't at the moment. */
export class SoukError extends Error {
  override readonly name = 'SoukError'

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The server's words (RFC 9457). Null: what came was none of Souk's answers, such as a proxy's page. */
    readonly problem: Problem | null,
    /** After how many milliseconds to ask again, where the server says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem?.detail ?? `HTTP ${status}`)
  }

  get code(): ErrorCode | null {
    return this.problem?.code ?? null
  }

  /** The field at fault, such as `lines[0].quantity`. */
  get param(): string | null {
    return this.problem?.param ?? null
  }

  get requestId(): string | null {
    return this.problem?.request_id ?? null
  }
}

/** There was no answer, so that nobody knows whether the request had its effect. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'

  constructor(override readonly cause: unknown) {
    super('The server did not answer.')
  }
}

/** Whether the same request may succeed a little later: no answer, a 5xx, too many requests, or the first one still at work. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unreachable) return true
  if (!(error instanceof SoukError)) return false
  return error.status >= 500 || error.status === 429 || error.code === 'idempotency_in_flight'
}

interface Tokens {
  access_token: string
  refresh_token: string
}

export interface ClientOptions {
  /** The server's address, such as `https://api.example.com`. */
  url: string
  /** Keeps logins, keys and guests' secrets over reloads: `localStorage`, or React Native's AsyncStorage. Without it they are lost. */
  storage?: KeyValueStorage
  /** Told when a login has ended by itself. */
  onLoggedOut?: () => void
  fetch?: typeof fetch
  /** Milliseconds until a request counts as unanswered. 20 seconds unless given. */
  timeout?: number
}

const TOKENS = 'souk.tokens'

export class SoukClient {
  /** Without a slash at the end. */
  readonly url: string
  /** What survives a reload. */
  readonly kept: Kept
  private readonly options: ClientOptions
  private refreshing: Promise<Tokens | null> | null = null

  constructor(options: ClientOptions) {
    this.options = options
    this.url = options.url.replace(/\/+$/, '')
    this.kept = new Kept(options.storage ?? memory())
  }

  get<P extends Having<'get'>>(path: P, options: RequestOptions<Operation<P, 'get'>> = {}) {
    return this.request<Operation<P, 'get'>>('get', path, options)
  }

  post<P extends Having<'post'>>(path: P, options: RequestOptions<Operation<P, 'post'>> = {}) {
    return this.request<Operation<P, 'post'>>('post', path, options)
  }

  patch<P extends Having<'patch'>>(path: P, options: RequestOptions<Operation<P, 'patch'>> = {}) {
    return this.request<Operation<P, 'patch'>>('patch', path, options)
  }

  delete<P extends Having<'delete'>>(path: P, options: RequestOptions<Operation<P, 'delete'>> = {}) {
    return this.request<Operation<P, 'delete'>>('delete', path, options)
  }

  async login(body: Schemas['LoginRequest']): Promise<User> {
    return this.start(await this.send('post', '/v1/auth/login', { body }))
  }

  async register(body: Schemas['RegisterRequest']): Promise<User> {
    return this.start(await this.send('post', '/v1/auth/register', { body }))
  }

  /** Ends the login here, and at the server if that can be reached. */
  async logout(): Promise<void> {
    const tokens = await this.tokens()
    await this.kept.remove(TOKENS)
    if (tokens) await this.send('post', '/v1/auth/logout', {}, tokens.access_token).catch(() => {})
  }

  async isLoggedIn(): Promise<boolean> {
    return (await this.tokens()) !== null
  }

  /** A guest's order, by the secret that was kept when they opened the checkout; or your own. */
  async order(id: string): Promise<Schemas['Order']> {
    return this.get('/v1/orders/{id}', { id, ...(await this.secretOf(id)) })
  }

  /** The secret that was kept for an order or a checkout, as an option of a request. */
  async secretOf(id: string): Promise<{ orderSecret?: string }> {
    const orderSecret = await this.kept.secret(id)
    return orderSecret ? { orderSecret } : {}
  }

  private async request<O>(method: Method, path: string, options: RequestOptions<O>): Promise<Answer<O>> {
    const tokens = await this.tokens()
    try {
      return await this.send(method, path, options, tokens?.access_token)
    } catch (error) {
      const isSpent = error instanceof SoukError && error.code === 'invalid_token'
      if (!tokens || !isSpent) throw error
      const fresh = await this.refresh(tokens.access_token)
      if (!fresh && !options.anybody) throw error
      return this.send(method, path, options, fresh?.access_token)
    }
  }

  private async start(pair: Schemas['TokenPair']): Promise<User> {
    const { access_token, refresh_token, user } = pair
    await this.kept.write(TOKENS, { access_token, refresh_token })
    return user
  }

  private tokens(): Promise<Tokens | null> {
    return this.kept.read<Tokens>(TOKENS)
  }

  /** New tokens for all who found these spent; null once the login is over. A refresh token works once: used twice it ends the login. */
  private refresh(spent: string): Promise<Tokens | null> {
    this.refreshing ??= alone('souk.refresh', () => this.renew(spent)).finally(() => {
      this.refreshing = null
    })
    return this.refreshing
  }

  private async renew(spent: string): Promise<Tokens | null> {
    const known = await this.tokens()
    // Another tab has done it, or a request before this one.
    if (!known || known.access_token !== spent) return known
    try {
      const { refresh_token } = known
      await this.start(await this.send('post', '/v1/auth/refresh', { body: { refresh_token } }))
    } catch (error) {
      if (!(error instanceof SoukError && error.status === 401)) throw error
      await this.kept.remove(TOKENS)
      this.options.onLoggedOut?.()
    }
    return this.tokens()
  }

  private async send(method: Method, path: string, options: RequestOptions, token?: string): Promise<any> {
    const headers: Record<string, string> = {}
    if (token) headers['Authorization'] = `Bearer ${token}`
    if (options.orderSecret) headers['Order-Secret'] = options.orderSecret
    if (options.guestToken) headers['Guest-Token'] = options.guestToken
    if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey
    const isBodied = method === 'post' || method === 'patch'
    if (isBodied) headers['Content-Type'] = 'application/json'
    const address = this.url + path.replace('{id}', encodeURIComponent(options.id ?? '')) + query(options.query)
    const late = new AbortController()
    const giveUp = () => late.abort()
    const timer = setTimeout(giveUp, this.options.timeout ?? 20_000)
    options.signal?.addEventListener('abort', giveUp)
    try {
      const body = isBodied ? JSON.stringify(options.body ?? {}) : null
      const answer = await (this.options.fetch ?? fetch)(address, { method: method.toUpperCase(), headers, body, signal: late.signal })
      const text = await answer.text()
      if (!answer.ok) throw refusal(answer, text)
      return text ? parse(text) : undefined
    } catch (error) {
      throw error instanceof SoukError ? error : new Unreachable(error)
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', giveUp)
    }
  }
}

function query(given: object | undefined): string {
  const pairs = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  const texts = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return texts.length ? `?${texts.join('&')}` : ''
}

/** A 200 that is no JSON came from somebody between, such as a hotel's login page. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SoukError(502, null)
  }
}

function refusal(answer: Response, text: string): SoukError {
  let problem: Problem | null = null
  try {
    const read = JSON.parse(text)
    if (typeof read?.code === 'string') problem = read
  } catch {}
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN)
  return new SoukError(answer.status, problem, seconds >= 0 ? seconds * 1000 : null)
}

/** Does something in one tab at a time, where the browser can say so. */
function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks
  return locks ? (locks.request(name, work) as Promise<T>) : work()
}
