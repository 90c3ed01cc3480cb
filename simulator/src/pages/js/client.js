// ── frames ──────────────────────────────────────────────────────────────────────────────────

/** A page of the simulator in a frame, which says when it is done. */
function frame(url, title, style, parent, done) {
  const one = document.createElement('iframe')
  Object.assign(one, { src: url, title })
  one.style.cssText = style
  const hear = ({ data, source, origin }) => {
    if (origin === base && source === one.contentWindow && data?.type === 'simulator.done') done(data.url)
  }
  window.addEventListener('message', hear)
  parent.append(one)
  return () => {
    window.removeEventListener('message', hear)
    one.remove()
  }
}

/** The bank's question over the page, until it was answered. */
function challenge(url) {
  return new Promise((resolve) => {
    const cover = document.createElement('div')
    cover.style.cssText = 'position:fixed;inset:0;z-index:2147483647;display:flex;align-items:center;justify-content:center;padding:16px;' +
      'background:rgba(20,24,40,.6)'
    document.body.append(cover)
    const style = 'border:0;border-radius:10px;width:100%;max-width:480px;height:100%;max-height:520px;background:#f6f8fb'
    const close = frame(url, 'Your bank', style, cover, () => {
      close()
      cover.remove()
      resolve()
    })
  })
}

/** Leads the whole page elsewhere; nothing follows in this one. */
function leave(url) {
  window.location.assign(url)
  return new Promise(() => {})
}

// ── the API ─────────────────────────────────────────────────────────────────────────────────

const NOUNS = {
  pi: { path: 'payment_intents', result: 'paymentIntent', parameter: 'payment_intent', last: 'last_payment_error' },
  seti: { path: 'setup_intents', result: 'setupIntent', parameter: 'setup_intent', last: 'last_setup_error' },
}
const nounOf = (secret) => NOUNS[idOf(secret, 'pi', 'seti').split('_')[0]]

class Client {
  constructor(key, { stripeAccount, apiVersion } = {}) {
    if (typeof key !== 'string' || !key) wrong('Missing value for Stripe(): apiKey should be a string.')
    if (/^(sk|rk)_/.test(key)) wrong('You should not use your secret key with Stripe.js. Please pass a publishable key instead.')
    this.key = key
    this.account = stripeAccount
    this.version = apiVersion ?? VERSION
  }

  /** Sends a request: what came, or `{ error }` in Stripe's words. What isn't answered is asked again twice, under one key. */
  async ask(method, path, parameters) {
    const form = encode(parameters)
    const headers = { Authorization: `Bearer ${this.key}`, 'Stripe-Version': this.version }
    if (this.account) headers['Stripe-Account'] = this.account
    if (method === 'POST') headers['Idempotency-Key'] = crypto.randomUUID?.() ?? `${Date.now()}.${Math.random()}`
    const url = `${base}/v1/${path}${method === 'GET' ? `?${form}` : ''}`
    for (let tries = 1; ; tries++) {
      try {
        const answer = await fetch(url, { method, headers, body: method === 'GET' ? undefined : form })
        const body = await answer.json()
        if (answer.ok) return { body }
        if (answer.status < 500 && answer.status !== 429) return { error: body.error }
        if (tries > 2) return { error: body.error }
      } catch {
        if (tries > 2) return { error: { type: 'api_connection_error', message: 'We are experiencing issues connecting to our payments provider. Please check your connection and try again.' } }
      }
      await pause(300 * tries)
    }
  }

  /** Asks the simulator what Stripe.js asks Stripe of its own accord, as `ask` does. */
  async page(path, parameters) {
    const answer = await fetch(`${base}/js/${path}`, { method: 'POST', body: encode({ ...parameters, account: this.account }) })
    const body = await answer.json()
    return answer.ok ? { body } : { error: body.error }
  }

  async retrieve(secret, expand) {
    const noun = nounOf(secret)
    const { body, error } = await this.ask('GET', `${noun.path}/${idOf(secret, 'pi', 'seti')}`, { client_secret: secret, expand })
    return error ? { error } : { [noun.result]: body }
  }

  /** Makes a payment method of what was typed; a saved one is there. */
  async method({ data, saved, error: typed }, more) {
    if (typed) return { error: typed }
    if (saved) return { paymentMethod: { id: saved } }
    const parameters = { ...more, ...data, billing_details: { ...data.billing_details, ...more?.billing_details } }
    const { body, error } = await this.ask('POST', 'payment_methods', parameters)
    return error ? { error } : { paymentMethod: body }
  }

  /** Has the customer do what an intent waits for. */
  async act(secret, intent) {
    const noun = nounOf(secret)
    const { type, redirect_to_url: redirect, use_stripe_sdk: sdk } = intent.next_action ?? {}
    if (type === 'redirect_to_url') return leave(redirect.url)
    if (type !== 'use_stripe_sdk') wrong(`The stand-in has no way to do '${type}'.`)
    await challenge(sdk.stripe_js)
    const after = await this.retrieve(secret)
    if (after.error) return after
    const now = after[noun.result]
    const failed = now[noun.last]
    if (failed && now.status === 'requires_payment_method') return { error: { ...failed, [noun.parameter]: now } }
    return after
  }

  /** Confirms an intent, and does what the bank asks for. */
  async confirm(secret, parameters, { acts = true, redirects = false } = {}) {
    const noun = nounOf(secret)
    const path = `${noun.path}/${idOf(secret, 'pi', 'seti')}/confirm`
    const confirmed = await this.ask('POST', path, { ...parameters, client_secret: secret, use_stripe_sdk: true })
    if (confirmed.error) return { error: confirmed.error }
    let result = { [noun.result]: confirmed.body }
    if (confirmed.body.status === 'requires_action' && acts) result = await this.act(secret, confirmed.body)
    if (result.error || !redirects) return result
    const url = new URL(parameters.return_url)
    url.searchParams.append(noun.parameter, result[noun.result].id)
    url.searchParams.append(`${noun.parameter}_client_secret`, secret)
    url.searchParams.append('redirect_status', 'succeeded')
    return leave(url.href)
  }

  /** As confirmPayment and confirmSetup have it. */
  async confirmWith(options, ...prefixes) {
    const { elements, confirmParams = {}, redirect = 'always' } = options ?? {}
    const secret = options?.clientSecret ?? elements?.clientSecret
    idOf(secret, ...prefixes)
    if (redirect === 'always' && !confirmParams.return_url) wrong('confirmParams needs return_url, unless redirect is if_required.')
    const parameters = { ...confirmParams }
    if (elements) {
      if (elements.mode && !elements.isSubmitted) wrong('elements.submit() must be called before confirming.')
      const { payment_method_data: more } = confirmParams
      delete parameters.payment_method_data
      const entered = await elements.element.entered()
      const saving = elements.saving()
      const made = await this.method(entered, { ...more, ...saving.method })
      if (made.error) return made
      Object.assign(parameters, saving.intent, { payment_method: made.paymentMethod.id })
    }
    parameters.return_url ??= window.location.href
    return this.confirm(secret, parameters, { redirects: redirect === 'always' })
  }

  /** As confirmCardPayment and confirmCardSetup have it. */
  async confirmCard(secret, prefix, data = {}, { handleActions = true } = {}) {
    idOf(secret, prefix)
    const { payment_method: method, return_url: given, ...more } = data
    const parameters = { ...more, return_url: given ?? window.location.href }
    if (typeof method === 'string') parameters.payment_method = method
    else if (method) {
      const { card, billing_details } = method
      const made = await this.method(card instanceof Element ? await card.entered() : { data: { type: 'card', card } }, { billing_details })
      if (made.error) return made
      parameters.payment_method = made.paymentMethod.id
    }
    return this.confirm(secret, parameters, { acts: handleActions })
  }

  /** What was entered, for a server that confirms with it. */
  async confirmationToken({ elements, params = {} } = {}) {
    if (!(elements instanceof Elements)) wrong('createConfirmationToken() needs elements.')
    if (!elements.element) wrong('createConfirmationToken() needs a mounted Payment Element.')
    if (elements.mode && !elements.isSubmitted) wrong('elements.submit() must be called before createConfirmationToken().')
    const { payment_method_data: more, ...rest } = params
    const entered = await elements.element.entered()
    const saving = elements.saving()
    const made = await this.method(entered, { ...more, ...saving.method })
    if (made.error) return made
    const usage = saving.intent.setup_future_usage ?? elements.options.setup_future_usage
    const { body, error } = await this.page('confirmation_tokens', { ...rest, payment_method: made.paymentMethod.id, setup_future_usage: usage })
    return error ? { error } : { confirmationToken: body }
  }
}
