// A stand-in for Stripe.js (docs.stripe.com/js), for pages that are played with the simulator. It has the names, the arguments and
// the results of what it has of it; a card's fields stand in the page itself, since no card here is real.
(function () {
  'use strict'

  const base = new URL(document.currentScript.src).origin
  const VERSION = '2026-09-30.endive'

  class IntegrationError extends Error {
    constructor(message) {
      super(message)
      this.name = 'IntegrationError'
    }
  }
  const wrong = (message) => {
    throw new IntegrationError(message)
  }
  const invalid = (code, message) => ({ error: { type: 'validation_error', code, message } })

  /** The id that a client secret begins with. */
  function idOf(secret, ...prefixes) {
    const id = typeof secret === 'string' ? secret.split('_secret_')[0] : ''
    const fits = id !== secret && prefixes.some((prefix) => id.startsWith(`${prefix}_`))
    return fits ? id : wrong(`A client secret of the form ${prefixes.join('_…_secret_… or ')}_…_secret_… is needed.`)
  }

  /** Writes nested parameters as Stripe's API reads them. */
  function encode(value, name = '', into = new URLSearchParams()) {
    if (value === undefined || value === null) return into
    if (typeof value !== 'object') into.append(name, value)
    else for (const key of Object.keys(value)) encode(value[key], name ? `${name}[${key}]` : key, into)
    return into
  }

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

  // ── elements ────────────────────────────────────────────────────────────────────────────────

  const BOX = 'display:block;width:100%;box-sizing:border-box;min-height:44px;margin:4px 0 12px;padding:8px 12px;font:inherit;' +
    'color:#1a1f36;background:#fff;border:1px solid #7c8798;border-radius:6px'

  /** Whether a card's number could be one: its last digit is checked. */
  function isNumber(digits) {
    let sum = 0
    for (let at = 0; at < digits.length; at++) {
      const digit = Number(digits[digits.length - 1 - at]) * (at % 2 ? 2 : 1)
      sum += digit > 9 ? digit - 9 : digit
    }
    return digits.length > 11 && sum % 10 === 0
  }

  class Element {
    constructor(type, group) {
      this.type = type
      this.group = group
      this.listeners = {}
      this.fields = {}
    }

    on(event, listener) {
      ;(this.listeners[event] ??= []).push(listener)
      return this
    }

    off(event, listener) {
      this.listeners[event] = (this.listeners[event] ?? []).filter((one) => listener && one !== listener)
      return this
    }

    tell(event, more) {
      for (const listener of this.listeners[event] ?? []) listener({ elementType: this.type, ...more })
    }

    mount(where) {
      const parent = typeof where === 'string' ? document.querySelector(where) : where
      if (!parent) wrong(`The selector you specified (${where}) applies to no DOM elements that are currently on the page.`)
      this.unmount()
      this.root = document.createElement('div')
      this.root.className = 'StripeElement'
      if (this.type === 'payment') this.addChoice()
      this.addField('number', 'Card number', '1234 1234 1234 1234', 'cc-number')
      this.addField('expiry', 'Expiration date', 'MM / YY', 'cc-exp')
      this.addField('cvc', 'Security code', 'CVC', 'cc-csc')
      parent.append(this.root)
      this.showFields()
      Promise.resolve().then(() => this.tell('ready'))
    }

    addChoice() {
      const choice = document.createElement('select')
      choice.style.cssText = BOX
      choice.setAttribute('aria-label', 'Pay by')
      choice.append(new Option('Card', 'card'), new Option('A bank’s page (simulated redirect)', 'bancontact'))
      choice.addEventListener('change', () => {
        this.showFields()
        this.change()
      })
      this.choice = choice
      this.root.append(choice)
    }

    addField(name, label, placeholder, autocomplete) {
      const field = document.createElement('label')
      field.style.cssText = 'display:block;margin:0'
      const input = document.createElement('input')
      Object.assign(input, { name, placeholder, autocomplete, inputMode: 'numeric' })
      input.style.cssText = BOX
      input.addEventListener('input', () => this.change())
      field.append(label, input)
      this.fields[name] = input
      this.root.append(field)
    }

    showFields() {
      for (const input of Object.values(this.fields)) input.parentElement.style.display = this.method() === 'card' ? 'block' : 'none'
    }

    change() {
      const { error } = this.read()
      this.tell('change', { complete: !error, empty: !this.fields.number.value, value: { type: this.method() } })
    }

    method() {
      return this.choice?.value ?? 'card'
    }

    focus() {
      this.fields.number.focus()
    }

    clear() {
      for (const input of Object.values(this.fields)) input.value = ''
    }

    update() {}

    unmount() {
      this.root?.remove()
    }

    destroy() {
      this.unmount()
      if (this.group) this.group.element = undefined
    }

    /** What was typed, as the parameters of a payment method, or what is wrong with it. */
    read() {
      if (this.method() !== 'card') return { data: { type: this.method(), billing_details: { name: 'Buyer of the simulator' } } }
      const digits = (name) => this.fields[name].value.replace(/\D/g, '')
      const [number, expiry, cvc] = ['number', 'expiry', 'cvc'].map(digits)
      if (number.length < 12) return invalid('incomplete_number', 'Your card number is incomplete.')
      if (!isNumber(number)) return invalid('invalid_number', 'Your card number is invalid.')
      if (![4, 6].includes(expiry.length)) return invalid('incomplete_expiry', 'Your card’s expiration date is incomplete.')
      if (cvc.length < 3) return invalid('incomplete_cvc', 'Your card’s security code is incomplete.')
      const year = expiry.slice(2)
      const card = { number, exp_month: Number(expiry.slice(0, 2)), exp_year: Number(year.length === 2 ? `20${year}` : year), cvc }
      return { data: { type: 'card', card } }
    }
  }

  class Elements {
    constructor(options = {}) {
      const { clientSecret, mode } = options
      if (clientSecret && mode) wrong('In elements(), give either clientSecret or mode.')
      if (mode && mode !== 'setup' && !(options.currency && options.amount > 0)) wrong('In elements(), mode needs amount and currency.')
      if (clientSecret) idOf(clientSecret, 'pi', 'seti')
      this.clientSecret = clientSecret
      this.mode = mode
    }

    create(type) {
      if (!['payment', 'card'].includes(type)) wrong(`The stand-in has no element '${type}'.`)
      if (type === 'payment' && !this.clientSecret && !this.mode) wrong('The Payment Element needs a clientSecret, or a mode, in elements().')
      if (this.element) wrong(`Can only create one Element of type ${type} through an instance of Elements.`)
      this.element = new Element(type, this)
      return this.element
    }

    getElement(type) {
      return this.element && (!type || this.element.type === type) ? this.element : null
    }

    async update() {}

    async fetchUpdates() {
      return {}
    }

    async submit() {
      if (!this.element?.root?.isConnected) wrong('elements.submit() needs a mounted Payment Element.')
      this.isSubmitted = true
      const { error } = this.element.read()
      return error ? { error } : { selectedPaymentMethod: this.element.method() }
    }
  }

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

    async retrieve(secret, expand) {
      const noun = nounOf(secret)
      const { body, error } = await this.ask('GET', `${noun.path}/${idOf(secret, 'pi', 'seti')}`, { client_secret: secret, expand })
      return error ? { error } : { [noun.result]: body }
    }

    /** Makes a payment method of what was typed. */
    async method({ data, error: typed }, more) {
      if (typed) return { error: typed }
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
        const made = await this.method(elements.element.read(), more)
        if (made.error) return made
        parameters.payment_method = made.paymentMethod.id
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
        const made = await this.method(card instanceof Element ? card.read() : { data: { type: 'card', card } }, { billing_details })
        if (made.error) return made
        parameters.payment_method = made.paymentMethod.id
      }
      return this.confirm(secret, parameters, { acts: handleActions })
    }
  }

  async function checkoutPage(client, { fetchClientSecret, clientSecret, onComplete } = {}) {
    if (!fetchClientSecret && !clientSecret) wrong('createEmbeddedCheckoutPage() needs fetchClientSecret.')
    const secret = clientSecret ?? (await fetchClientSecret())
    idOf(secret, 'cs')
    const answer = await fetch(`${base}/js/embedded_checkout`, { method: 'POST', body: encode({ client_secret: secret, account: client.account }) })
    const page = await answer.json()
    if (!answer.ok) wrong(page.error.message)
    let close
    return {
      mount(where) {
        const parent = typeof where === 'string' ? document.querySelector(where) : where
        if (!parent) wrong(`The selector you specified (${where}) applies to no DOM elements that are currently on the page.`)
        const style = 'border:0;width:100%;height:900px'
        close = frame(page.url, 'Checkout', style, parent, (url) => (page.redirect_on_completion === 'always' ? leave(url) : onComplete?.()))
      },
      unmount() {
        close?.()
      },
      destroy() {
        close?.()
      },
    }
  }

  window.Stripe = function (key, options) {
    const client = new Client(key, options)
    return {
      elements: (of) => new Elements(of),
      confirmPayment: (of) => client.confirmWith(of, 'pi'),
      confirmSetup: (of) => client.confirmWith(of, 'seti'),
      confirmCardPayment: (secret, data, of) => client.confirmCard(secret, 'pi', data, of),
      confirmCardSetup: (secret, data, of) => client.confirmCard(secret, 'seti', data, of),
      retrievePaymentIntent: async (secret) => (idOf(secret, 'pi'), client.retrieve(secret)),
      retrieveSetupIntent: async (secret) => (idOf(secret, 'seti'), client.retrieve(secret)),
      async handleNextAction({ clientSecret }) {
        const found = await client.retrieve(clientSecret)
        if (found.error) return found
        const intent = found[nounOf(clientSecret).result]
        if (intent.status !== 'requires_action') wrong(`handleNextAction: the intent ${intent.id} is not in the requires_action state.`)
        return client.act(clientSecret, intent)
      },
      async createPaymentMethod({ elements, params, type, card, billing_details } = {}) {
        const typed = elements?.element ?? card
        return client.method(typed instanceof Element ? typed.read() : { data: { type, card } }, { ...params, ...(billing_details && { billing_details }) })
      },
      createEmbeddedCheckoutPage: (of) => checkoutPage(client, of),
      initEmbeddedCheckout: () => wrong('initEmbeddedCheckout() is called createEmbeddedCheckoutPage() now.'),
    }
  }
  window.Stripe.version = VERSION
})()
