/** The checkout, whatever it is shown by: one session, one page, and no result that the server didn't give. */

import { isPassing, type Schemas, type SoukClient, type SoukError } from './client.js'
import { isUnpaid, judge, type Outcome, type Verification } from './outcome.js'

export type { Outcome, Result, Verification } from './outcome.js'

export type CheckoutRequest = Schemas['CheckoutSessionCreate']
export type CheckoutSession = Schemas['CheckoutSession']

/**
 * How the payment page was left, as Expo's WebBrowser names it.
 *
 * - `opened`: it is open elsewhere, and nobody says when it closes.
 * - `success`: the return page led back.
 * - `dismiss`: it was closed by the app or the system.
 * - `cancel`: the buyer closed it, perhaps after paying.
 * - `locked`: another page is open, so this one isn't.
 */
export type Shown = 'opened' | 'success' | 'dismiss' | 'cancel' | 'locked'

/**
 * A sign that it is time to ask the server; never more than that.
 *
 * - `seen`: the buyer looks at the shop again, or is online again.
 * - `returned`: the buyer is back from paying, or says so.
 * - `left`: the buyer has given up.
 */
export type Sign = 'seen' | 'returned' | 'left'

/** A payment page that is about to be shown. */
export interface Page {
  /** Where the buyer should come back to, unless the request says. */
  urls: { success_url?: string; cancel_url?: string }
  show(url: string, session: string): Promise<Shown>
  /** Whether the browser refused to open a window. */
  isBlocked?(): boolean
  /** Whether this page of the shop is itself replaced, so that nothing can be shown on it. */
  isLeaving?: boolean
  close(): void
}

/** What shows payment pages. */
export interface Platform<O = unknown> {
  /** Called within the buyer's click, while browsers allow windows. */
  page(options: O): Page
  /** Passes on signs about this session, or about any where it doesn't say which. Returns what ends that. */
  watch(session: string, sign: (sign: Sign) => void): () => void
  /** Tells other tabs that a checkout has ended. */
  announce?(session: string): void
  /** How this page was come to, if from a payment page. */
  arrival(): Promise<{ session: string; sign: Sign } | null>
}

/** What an app shows while the payment page is open elsewhere. */
export interface Waiting {
  /** The payment page, for a link to it. */
  url: string
  /** The browser refused to open a window: only the link leads there. */
  isBlocked: boolean
  /** The buyer says that they have paid. */
  paid(): void
  /** The buyer gives up. */
  cancel(): void
}

export interface WaitingView {
  update(state: { isChecking: boolean; message: string | null }): void
  close(): void
}

export type WaitingUi = (waiting: Waiting) => WaitingView

export interface Timers {
  now(): number
  /** From 0 to 1. */
  random(): number
  sleep(milliseconds: number, signal?: AbortSignal | undefined): Promise<void>
}

export interface VerifyOptions {
  /** The first answer is enough, whatever it is. */
  once?: boolean
  /** Milliseconds after which nothing is asked any more: 45 seconds unless given. */
  patience?: number
  signal?: AbortSignal | undefined
}

export interface OpenOptions {
  /** Names what is bought, such as `cart-7`. What is under way under a name is gone on with. By default the request itself. */
  action?: string
  /** Shown while the payment page is open elsewhere. `null`: nothing is shown, and the first look without a result is `unknown`. */
  ui?: WaitingUi | null
}

/** The server asks Stripe about a payment once in two seconds, and says meanwhile what it knew. */
const STALE = 2_100
const FIRST_DELAY = 1_500
const LONGEST_DELAY = 5_000
const PATIENCE = 45_000
/** A look at the shop is often just a look, and whoever gives up wants to go on. */
const PATIENCE_SHORT = 15_000
const TRIES = 5

/** No longer than five seconds, and never the same for all who wait. */
export function pause(delay: number, random: number): number {
  return Math.min(LONGEST_DELAY, delay * (0.75 + random / 2))
}

export class Checkout<O extends OpenOptions = OpenOptions> {
  private readonly running = new Map<string, Promise<Outcome>>()
  private askedAt = -STALE

  constructor(
    private readonly souk: SoukClient,
    private readonly platform: Platform<O>,
    private readonly ui: WaitingUi | null,
    private readonly timers: Timers = realTimers,
  ) {}

  /**
   * Opens a checkout and answers what became of it. Call it within the buyer's click: browsers block windows that open later.
   * A second click on the same goes on with the first; so does a click after a reload, until there is a result.
   *
   * Throws `SoukError` if the server refuses to open it, and `Unreachable` if it doesn't answer: nothing was charged then.
   */
  open(request: CheckoutRequest, options: O = {} as O): Promise<Outcome> {
    const action = options.action ?? JSON.stringify(request)
    let running = this.running.get(action)
    if (!running) {
      running = this.play(action, request, options).finally(() => this.running.delete(action))
      this.running.set(action, running)
    }
    return running
  }

  /**
   * What became of a checkout, asked until that is final or patience ends. Never throws, unless it is aborted: without an
   * answer the result is `unknown`.
   */
  async verify(id: string, options: VerifyOptions = {}): Promise<Outcome> {
    const { now, random, sleep } = this.timers
    const end = now() + (options.patience ?? PATIENCE)
    const outcome: Outcome = { result: 'unknown', id, verification: null, message: null }
    for (let delay = FIRST_DELAY; ; delay = Math.min(LONGEST_DELAY, delay * 1.5)) {
      let wait = pause(delay, random())
      try {
        const answer = await this.ask(id, options.signal)
        this.askedAt = now()
        const { result, isFinal } = judge(answer)
        Object.assign(outcome, { result, verification: answer, message: answer.message, error: undefined })
        if (isFinal || options.once) return outcome
      } catch (error) {
        if (options.signal?.aborted) throw error
        outcome.error = error
        // What was known before the connection broke off may no longer be true.
        outcome.result = 'unknown'
        if (!isPassing(error)) return outcome
        wait = Math.max(wait, (error as SoukError).retryAfter ?? 0)
      }
      if (now() + wait > end) return outcome
      await sleep(wait, options.signal)
    }
  }

  /**
   * What became of a checkout that was open when this page or app was left: call it at every start. Null if there was none, or
   * if it is still open in another tab.
   */
  async resume(): Promise<Outcome | null> {
    const arrival = await this.platform.arrival()
    const under = (await this.souk.kept.actions()).filter(([, { made }]) => made)
    if (arrival) {
      const { session, sign } = arrival
      const [action] = under.find(([, { made }]) => made === session) ?? []
      const outcome = sign === 'left' ? await this.verifyLeft(session) : await this.verify(session)
      return this.end(action, outcome)
    }
    for (const [action, { made }] of under) {
      const outcome = await this.verify(made as string, { once: true, patience: PATIENCE_SHORT })
      if (isPassing(outcome.error)) return null
      if (outcome.verification && judge(outcome.verification).isFinal) return this.end(action, outcome)
    }
    return null
  }

  private async ask(id: string, signal?: AbortSignal): Promise<Verification> {
    const options = { id, anybody: true, ...(await this.souk.secretOf(id)), signal }
    const kinds: Record<string, 'payment_intents' | 'subscriptions'> = { pi: 'payment_intents', su: 'subscriptions' }
    return this.souk.post(`/v1/${kinds[id.slice(0, 2)] ?? 'checkout_sessions'}/{id}/verify`, options)
  }

  /** The buyer has closed the page, which many do after paying: only the server knows. */
  private async verifyLeft(id: string, signal?: AbortSignal): Promise<Outcome> {
    // The one answer must not be that of a moment before.
    const stale = this.askedAt + STALE - this.timers.now()
    if (stale > 0) await this.timers.sleep(stale, signal)
    const outcome = await this.verify(id, { once: true, patience: PATIENCE_SHORT, signal })
    return isUnpaid(outcome) ? { ...outcome, result: 'cancelled' } : outcome
  }

  private async play(action: string, request: CheckoutRequest, options: O): Promise<Outcome> {
    const page = this.platform.page(options)
    try {
      for (let again = false; ; again = true) {
        const known = (await this.begun(action, request, page)).made
        const before = known && !again ? await this.verify(known, { once: true, patience: PATIENCE_SHORT }) : null
        if (before && (await this.isOver(action, before))) return before
        const session = await this.create(action, request, page)
        const id = session.id as string
        if (session.status === 'open' && session.url) {
          return await this.end(action, await this.await(session as Opened, page, options))
        }
        // An answer of before, of a checkout that is over: what was not paid may be bought anew.
        const outcome = await this.verify(id)
        if ((await this.isOver(action, outcome)) || again) return outcome
      }
    } finally {
      page.close()
    }
  }

  /** Whether there is nothing to open, since this was paid before or may have been. What ended unpaid makes way for another. */
  private async isOver(action: string, before: Outcome): Promise<boolean> {
    if (before.result === 'paid' || before.result === 'processing') {
      await this.end(action, before)
      return true
    }
    if (before.verification && judge(before.verification).isFinal) {
      await this.souk.kept.end(action)
      return before.result === 'unknown'
    }
    return false
  }

  private begun(action: string, request: CheckoutRequest, page: Page) {
    return this.souk.kept.action(action, () => JSON.stringify({ ...page.urls, ...request }))
  }

  /** Opens the session, once, however often it takes. */
  private async create(action: string, request: CheckoutRequest, page: Page): Promise<CheckoutSession> {
    const { kept } = this.souk
    const { key, body } = await this.begun(action, request, page)
    for (let tries = 1, delay = FIRST_DELAY; ; tries++, delay *= 1.5) {
      try {
        const options = { body: JSON.parse(body) as CheckoutRequest, idempotencyKey: key }
        const session = await this.souk.post('/v1/checkout_sessions', options)
        const id = session.id as string
        await kept.note(action, id)
        if (session.order_secret) await kept.keepSecret([id, session.order_id], session.order_secret)
        return session
      } catch (error) {
        if (!isPassing(error)) {
          await kept.end(action)
          throw error
        }
        if (tries >= TRIES) throw error
        await this.timers.sleep(Math.max((error as SoukError).retryAfter ?? 0, pause(delay, this.timers.random())))
      }
    }
  }

  /** Shows the page, and answers once the server has said what became of it, or the buyer has given up. */
  private async await(session: Opened, page: Page, options: O): Promise<Outcome> {
    const signs: Sign[] = []
    let heed: (sign: Sign) => void = (sign) => void signs.push(sign)
    const unwatch = this.platform.watch(session.id, (sign) => heed(sign))
    try {
      const shown = await page.show(session.url, session.id)
      if (shown === 'cancel') return await this.verifyLeft(session.id)
      if (shown === 'locked') return await this.verify(session.id, { once: true })
      if (shown !== 'opened') return await this.verify(session.id)
      return await new Promise<Outcome>((resolve) => {
        heed = this.watching(session, page, options, resolve)
        signs.forEach((sign) => heed(sign))
      })
    } finally {
      unwatch()
    }
  }

  /** What is done on a sign: one question at a time, until there is a result. */
  private watching(session: Opened, page: Page, options: O, resolve: (outcome: Outcome) => void): (sign: Sign) => void {
    let asking: AbortController | null = null
    let isDone = false
    const ui = page.isLeaving ? null : options.ui === undefined ? this.ui : options.ui
    const look = async (sign: Sign) => {
      if (isDone || (sign === 'seen' && (asking || page.isLeaving))) return
      asking?.abort()
      const mine = (asking = new AbortController())
      const { signal } = mine
      view?.update({ isChecking: true, message: null })
      const patience = sign === 'seen' ? PATIENCE_SHORT : PATIENCE
      const verifying = sign === 'left' ? this.verifyLeft(session.id, signal) : this.verify(session.id, { patience, signal })
      const outcome = await verifying.catch(() => null)
      if (mine !== asking || !outcome) return
      asking = null
      const isKnown = sign === 'left' || (outcome.verification !== null && judge(outcome.verification).isFinal && !outcome.error)
      if (!isKnown && view) return view.update({ isChecking: false, message: outcome.message })
      isDone = true
      view?.close()
      resolve(outcome)
    }
    const view = ui?.({
      url: session.url,
      isBlocked: page.isBlocked?.() ?? false,
      paid: () => void look('returned'),
      cancel: () => void look('left'),
    })
    return (sign) => void look(sign)
  }

  /** What is final is no longer under way: the next click is another checkout. What isn't stays, so that nothing is paid twice. */
  private async end(action: string | undefined, outcome: Outcome): Promise<Outcome> {
    const { verification } = outcome
    if (!verification || !judge(verification).isFinal || verification.status === 'processing') return outcome
    if (action !== undefined) await this.souk.kept.end(action)
    this.platform.announce?.(outcome.id)
    return outcome
  }
}

type Opened = CheckoutSession & { id: string; url: string }

export const realTimers: Timers = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        reject(new Error('aborted'))
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, milliseconds)
      signal?.addEventListener('abort', stop)
      if (signal?.aborted) stop()
    }),
}
