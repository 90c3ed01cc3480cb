/** Subscriptions: one however often the button is clicked, whose they are, and no result that the server didn't give. */

import { isPassing, type Schemas, type SoukClient, type SoukError } from './client.js'
import { type Checkout, pause, realTimers, type Timers } from './flow.js'
import { judge, type Outcome } from './outcome.js'

export type Subscription = Schemas['Subscription']
export type SubscriptionRequest = Schemas['SubscriptionCreate']
export type Access = Schemas['Access']
export type PortalRequest = Schemas['PortalSessionCreate']

/** What the buyer confirms with Stripe.js: `confirmPayment`, or `confirmSetup` where nothing is to be paid yet. */
export interface ToConfirm {
  client_secret: string
  client_secret_of: 'payment_intent' | 'setup_intent'
  /** With which Stripe.js is loaded. */
  publishable_key: string | null
  /** On whose account. */
  stripe_account: string | null
}

/**
 * Shows the payment, and returns once the buyer has confirmed it, been declined or gone away. What it returns or throws decides nothing:
 * the server is asked.
 */
export type Confirm = (what: ToConfirm, subscription: Subscription) => Promise<unknown>

export interface SubscribeOptions {
  /** Names what is subscribed to, such as `box-of-tea`. What is under way under a name is gone on with. By default the request itself. */
  action?: string
}

export interface Subscribed extends Outcome {
  /** As it is now; as it was begun, if nobody answered since. */
  subscription: Subscription
  /** Whether the buyer has still to give a card that is charged later. */
  needsCard: boolean
}

const FIRST_DELAY = 1_500
const TRIES = 5

export class Subscriptions {
  private readonly running = new Map<string, Promise<Subscribed>>()

  constructor(
    private readonly souk: SoukClient,
    private readonly checkout: Pick<Checkout, 'verify'>,
    private readonly timers: Timers = realTimers,
  ) {}

  /**
   * Subscribes on a page of the shop's own, and answers what became of the first payment. A second click on the same goes on with the
   * first; so does one after a decline or a reload, until there is a result. (On Stripe's page it is `createCheckout(souk).open({ mode:
   * 'subscription', lines })`.)
   *
   * Throws `SoukError` if the server refuses, and `Unreachable` if it doesn't answer: nothing was charged then.
   */
  subscribe(request: SubscriptionRequest, confirm: Confirm, options: SubscribeOptions = {}): Promise<Subscribed> {
    const action = options.action ?? `subscribe ${JSON.stringify(request)}`
    let running = this.running.get(action)
    if (!running) {
      running = this.play(action, request, confirm).finally(() => this.running.delete(action))
      this.running.set(action, running)
    }
    return running
  }

  /** Whether the buyer may use what they have subscribed to, until when, and why. By a product: by whichever entitles them the longest. */
  access(of: { subscription: string } | { product: string }): Promise<Access> {
    return 'product' in of
      ? this.souk.get('/v1/products/{id}/access', { id: of.product })
      : this.souk.get('/v1/subscriptions/{id}/access', { id: of.subscription })
  }

  /** The address of Stripe's billing portal, for this buyer's browser at once: whoever opens it acts as them. */
  async portal(request: PortalRequest): Promise<string> {
    return (await this.souk.post('/v1/billing_portal_sessions', { body: request })).url
  }

  private async play(action: string, request: SubscriptionRequest, confirm: Confirm): Promise<Subscribed> {
    let subscription = await this.begin(action, request)
    const todo = toConfirm(subscription)
    // What Stripe.js says is news, and no proof.
    if (todo) await confirm(todo, subscription).catch(() => {})
    const outcome = await this.checkout.verify(subscription.id)
    subscription = await this.read(subscription.id).catch(() => subscription)
    const needsCard = subscription.client_secret_of === 'setup_intent'
    const isOver = outcome.verification !== null && judge(outcome.verification).isFinal
    if (isOver && outcome.result !== 'processing' && !needsCard) await this.souk.kept.end(action)
    return { ...outcome, subscription, needsCard }
  }

  /** Begins it, once, however often it takes. */
  private async begin(action: string, request: SubscriptionRequest): Promise<Subscription> {
    const { kept } = this.souk
    const { key, body } = await kept.action(action, () => JSON.stringify(request))
    for (let tries = 1, delay = FIRST_DELAY; ; tries++, delay *= 1.5) {
      try {
        const options = { body: JSON.parse(body) as SubscriptionRequest, idempotencyKey: key }
        const begun = await this.souk.post('/v1/subscriptions', options)
        await kept.note(action, begun.id)
        // The answer of before is repeated: what is still to be done may be another thing by now.
        return await this.read(begun.id).catch((error) => {
          if (isPassing(error)) return begun
          throw error
        })
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

  private read(id: string): Promise<Subscription> {
    return this.souk.get('/v1/subscriptions/{id}', { id })
  }
}

function toConfirm(subscription: Subscription): ToConfirm | null {
  const { client_secret, client_secret_of, publishable_key, stripe_account } = subscription
  return client_secret && client_secret_of ? { client_secret, client_secret_of, publishable_key, stripe_account } : null
}
