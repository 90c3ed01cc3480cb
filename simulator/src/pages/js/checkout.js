// ── Checkout ──────────────────────────────────────────────────────────────────────────────────

async function checkoutPage(client, { fetchClientSecret, clientSecret, onComplete } = {}) {
  if (!fetchClientSecret && !clientSecret) wrong('createEmbeddedCheckoutPage() needs fetchClientSecret.')
  const secret = clientSecret ?? (await fetchClientSecret())
  idOf(secret, 'cs')
  const { body: page, error } = await client.page('embedded_checkout', { client_secret: secret })
  if (error) wrong(error.message)
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

/** A refusal in the words of a Checkout Session's actions. */
const refused = ({ message }, code = null) => ({ type: 'error', error: { message, code } })

/** A Checkout Session with `ui_mode` `elements`: docs.stripe.com/js/custom_checkout. */
class Checkout {
  constructor(client, { clientSecret, elementsOptions = {}, defaultValues = {} } = {}) {
    if (!clientSecret) wrong('initCheckoutElementsSdk() needs a clientSecret.')
    this.client = client
    this.secret = clientSecret
    this.wishes = elementsOptions.savedPaymentMethod ?? {}
    this.buyer = { ...defaultValues }
    this.listeners = []
    for (const name of ['BillingAddress', 'ShippingAddress', 'ExpressCheckout', 'CurrencySelector', 'ContactDetails', 'TaxId', 'Terms', 'LinkSignup']) {
      this[`create${name}Element`] = () => wrong(`The stand-in has no ${name} Element.`)
      this[`get${name}Element`] = () => null
    }
    this.loaded = this.load()
  }

  on(event, listener) {
    if (event === 'change') this.listeners.push(listener)
  }

  changeAppearance() {}

  loadFonts() {}

  createPaymentElement() {
    if (this.element) wrong('Can only create one Payment Element through an instance of Checkout.')
    this.element = new Element('payment', this)
    this.element.on('change', ({ complete }) => {
      this.isComplete = complete
      this.show()
    })
    return this.element
  }

  getPaymentElement() {
    return this.element ?? null
  }

  async load() {
    this.secret = await this.secret
    idOf(this.secret, 'cs')
    return this.act('read')
  }

  /** What may be paid with, as the Payment Element asks. */
  async offers() {
    const { error } = await this.loaded
    if (error) return { error }
    const { payment_method_types: types, payment_methods: saved, saves } = this.page
    const { enableRedisplay, enableSave } = this.wishes
    return { types, saved: enableRedisplay === 'never' ? [] : saved, saves: saves && enableSave !== 'never' }
  }

  /** Does something to the session, and shows how it is then. */
  async act(name, parameters) {
    const { body, error } = await this.client.page(`checkout_session/${name}`, { ...parameters, client_secret: this.secret })
    if (error) return { error }
    this.page = body.page
    this.session = body.session
    return { body, session: this.show() }
  }

  /** The session with what its buyer has told this page, which every listener is shown. */
  show() {
    const { email, phoneNumber, billingAddress, shippingAddress } = this.buyer
    const session = {
      ...this.session,
      email: this.session.email ?? email ?? null,
      phoneNumber: phoneNumber ?? null,
      billingAddress: billingAddress ?? null,
      shippingAddress: shippingAddress ?? null,
    }
    session.canConfirm = session.status.type === 'open' && Boolean(session.email) && Boolean(this.isComplete || this.element?.saved())
    this.shownSession = session
    for (const listener of this.listeners) listener(session)
    return session
  }

  async loadActions() {
    const { error } = await this.loaded
    if (error) return refused(error)
    const acts = (name, code) => async (parameters) => {
      const { session, error: why } = await this.act(name, parameters)
      return why ? refused(why, code) : { type: 'success', session }
    }
    const tells = (name) => async (value) => {
      this.buyer[name] = value
      return { type: 'success', session: this.show() }
    }
    const [code, quantity, shipping] = [acts('promotion_code', 'invalidCode'), acts('quantity'), acts('shipping_option')]
    const missing = (name) => () => wrong(`The stand-in has no ${name}().`)
    const actions = {
      getSession: () => this.shownSession,
      applyPromotionCode: (text) => code({ promotion_code: text }),
      removePromotionCode: () => code({}),
      updateLineItemQuantity: ({ lineItem, quantity: count }) => quantity({ line_item: lineItem, quantity: count }),
      updateShippingOption: (id) => shipping({ shipping_rate: id }),
      updateEmail: (email) => this.updateEmail(email),
      updatePhoneNumber: tells('phoneNumber'),
      updateBillingAddress: tells('billingAddress'),
      updateShippingAddress: tells('shippingAddress'),
      validateElements: () => this.validate(),
      confirm: (of) => this.confirm(of),
      runServerUpdate: async (run) => {
        await run()
        return acts('read')()
      },
    }
    for (const name of ['updateIndividualName', 'updateBusinessName', 'updateTaxIdInfo', 'addOptionalLineItem', 'removeOptionalLineItem']) {
      actions[name] = missing(name)
    }
    return { type: 'success', actions }
  }

  async updateEmail(email) {
    if (email && !/^\S+@\S+$/.test(email)) return refused({ message: 'Your email is invalid.' }, 'invalidEmail')
    this.buyer.email = email
    return { type: 'success', session: this.show() }
  }

  async validate() {
    if (!this.element) return refused({ message: 'There are no elements to validate.' }, 'no_elements')
    const { error } = await this.element.entered()
    if (!error) return { type: 'success', session: this.shownSession }
    const { message } = error
    return { type: 'error', error: { code: 'validation_error', message, validation_errors: [{ message, element: 'payment' }] } }
  }

  /** What the customer pays with, as the session is told. */
  async chosen(paymentMethod) {
    if (paymentMethod) return { parameters: { payment_method: paymentMethod } }
    if (!this.element?.root?.isConnected) wrong('confirm() needs a mounted Payment Element, or a paymentMethod.')
    const { saved, data, error } = await this.element.entered()
    if (error) return { error }
    return { parameters: { payment_method: saved, method: data?.type, card: data?.card?.number } }
  }

  async confirm({ returnUrl, redirect = 'always', paymentMethod, savePaymentMethod, email, phoneNumber, billingAddress, shippingAddress } = {}) {
    Object.assign(this.buyer, email && { email }, phoneNumber && { phoneNumber }, billingAddress && { billingAddress }, shippingAddress && { shippingAddress })
    const buyer = this.show()
    if (!buyer.email) return refused({ message: 'An email address is required to confirm this Checkout Session.' })
    const { parameters, error } = await this.chosen(paymentMethod)
    if (error) return refused(error)
    const address = shippingAddress ?? buyer.shippingAddress ?? buyer.billingAddress
    const { body, error: why } = await this.act('confirm', {
      ...parameters,
      email: buyer.email,
      phone: buyer.phoneNumber,
      name: address?.name,
      country: address?.address?.country,
      save: savePaymentMethod ?? (this.element?.saves() || undefined),
    })
    if (why) return refused(why)
    if (body.outcome === 'challenge') {
      await challenge(`${base}/c/pay/${this.session.id}/challenge`)
      const after = await this.act('read')
      if (after.error) return refused(after.error)
    }
    if (this.session.status.type !== 'complete') return this.failed()
    if (redirect === 'always') return leave((returnUrl ?? this.page.return_url).replace('{CHECKOUT_SESSION_ID}', this.session.id))
    return { type: 'success', session: this.shownSession }
  }

  failed() {
    const message = this.session.lastPaymentError?.message ?? 'The payment was not completed.'
    return { type: 'error', error: { message, code: 'paymentFailed', paymentFailed: { declineCode: this.page.decline_code } } }
  }
}
