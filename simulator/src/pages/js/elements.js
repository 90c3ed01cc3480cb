// ── elements ──────────────────────────────────────────────────────────────────────────────────

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

const BUYER = { name: 'Buyer of the simulator', email: 'buyer@example.com' }

/** What the Payment Element can play besides cards: what it is called, and the parameters of its payment method. */
const OTHERS = {
  bancontact: ['A bank’s page (simulated redirect)', { billing_details: { name: BUYER.name } }],
  sepa_debit: ['SEPA Direct Debit (simulated account)', { billing_details: BUYER, sepa_debit: { iban: 'DE89370400440532013000' } }],
  us_bank_account: [
    'US bank account (simulated account)',
    { billing_details: BUYER, us_bank_account: { account_holder_type: 'individual', account_number: '000123456789', routing_number: '110000000' } },
  ],
}

/** What a customer reads of a saved card. */
const label = ({ card }) => `${card.brand[0].toUpperCase()}${card.brand.slice(1)} •••• ${card.last4}, ${card.exp_month}/${card.exp_year}`

function make(name, fields, parent) {
  const made = Object.assign(document.createElement(name), fields)
  parent?.append(made)
  return made
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
    this.root = make('div', { className: 'StripeElement' }, parent)
    this.shown = this.show()
  }

  /** Shows what can be paid with, once that is known. */
  async show() {
    if (this.type === 'payment') {
      const offers = await this.group.offers()
      if (offers.error) return this.tell('loaderror', { error: offers.error })
      this.offers = offers
      this.addChoice()
    }
    this.addField('number', 'Card number', '1234 1234 1234 1234', 'cc-number')
    this.addField('expiry', 'Expiration date', 'MM / YY', 'cc-exp')
    this.addField('cvc', 'Security code', 'CVC', 'cc-csc')
    if (this.offers?.saves) this.addSaving()
    this.showFields()
    await Promise.resolve()
    this.tell('ready')
  }

  addChoice() {
    const { types, saved } = this.offers
    const choices = saved.map((method) => new Option(label(method), method.id))
    if (types.includes('card')) choices.push(new Option(saved.length ? 'Another card' : 'Card', 'card'))
    for (const type of types) if (OTHERS[type]) choices.push(new Option(OTHERS[type][0], type))
    this.choice = make('select', {}, choices.length === 1 && choices[0].value === 'card' ? undefined : this.root)
    this.choice.style.cssText = BOX
    this.choice.setAttribute('aria-label', 'Pay by')
    this.choice.append(...choices)
    this.choice.addEventListener('change', () => {
      this.showFields()
      this.change()
    })
    if (this.offers.remove) this.addRemoval()
  }

  addRemoval() {
    this.removal = make('button', { type: 'button', textContent: 'Remove this card' }, this.root)
    this.removal.addEventListener('click', async () => {
      const method = this.saved()
      const { error } = await this.offers.remove(method.id)
      if (!error) {
        this.offers.saved = this.offers.saved.filter(({ id }) => id !== method.id)
        this.choice.selectedOptions[0].remove()
        this.showFields()
      }
      const { id, type } = method
      this.tell('savedpaymentmethodremove', { success: !error, ...(error && { error: error.message }), payment_method: { id, type, billing_details: {} } })
    })
  }

  addSaving() {
    const field = make('label', {}, this.root)
    this.saving = make('input', { type: 'checkbox', name: 'save' }, field)
    this.saving.addEventListener('change', () => this.change())
    field.append(' Save payment details for future purchases')
  }

  addField(name, text, placeholder, autocomplete) {
    const field = make('label', {}, this.root)
    field.style.cssText = 'display:block;margin:0'
    const input = make('input', { name, placeholder, autocomplete, inputMode: 'numeric' })
    input.style.cssText = BOX
    input.addEventListener('input', () => this.change())
    field.append(text, input)
    this.fields[name] = input
  }

  showFields() {
    const shows = (what, is) => (what.style.display = is ? 'block' : 'none')
    const isNew = this.method() === 'card' && !this.saved()
    for (const input of Object.values(this.fields)) shows(input.parentElement, isNew)
    if (this.saving) shows(this.saving.parentElement, !this.saved())
    if (this.removal) shows(this.removal, this.saved())
  }

  change() {
    const { error } = this.read()
    const saved = this.saved()
    const value = { type: this.method(), ...(this.saving && { savePaymentMethod: this.saves() }) }
    if (saved) value.payment_method = { id: saved.id, type: saved.type, billing_details: {} }
    this.tell('change', { complete: !error, empty: !saved && !this.fields.number.value, value })
  }

  /** The saved card that is chosen. */
  saved() {
    return this.offers?.saved.find(({ id }) => id === this.choice.value)
  }

  /** Whether the customer has what they enter saved. */
  saves() {
    return Boolean(this.saving?.checked) && !this.saved()
  }

  method() {
    return this.saved() ? 'card' : (this.choice?.value ?? 'card')
  }

  focus() {
    this.fields.number?.focus()
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

  /** As `read`, once there is something to read. */
  async entered() {
    await this.shown
    if (!this.fields.number) wrong('The element has not loaded.')
    return this.read()
  }

  /** What was typed, as the parameters of a payment method, or a saved one's id, or what is wrong. */
  read() {
    const saved = this.saved()
    if (saved) return { saved: saved.id }
    const type = this.method()
    if (type !== 'card') return { data: { type, ...OTHERS[type][1] } }
    const digits = (name) => this.fields[name].value.replace(/\D/g, '')
    const [number, expiry, cvc] = ['number', 'expiry', 'cvc'].map(digits)
    if (number.length < 12) return invalid('incomplete_number', 'Your card number is incomplete.')
    if (!isNumber(number)) return invalid('invalid_number', 'Your card number is invalid.')
    if (![4, 6].includes(expiry.length)) return invalid('incomplete_expiry', 'Your card’s expiration date is incomplete.')
    if (cvc.length < 3) return invalid('incomplete_cvc', 'Your card’s security code is incomplete.')
    const year = expiry.slice(2)
    const card = { number, exp_month: Number(expiry.slice(0, 2)), exp_year: Number(year.length === 2 ? `20${year}` : year), cvc }
    return { data: { type, card } }
  }
}

class Elements {
  constructor(client, options = {}) {
    const { clientSecret, mode } = options
    if (clientSecret && mode) wrong('In elements(), give either clientSecret or mode.')
    if (mode && mode !== 'setup' && !(options.currency && options.amount > 0)) wrong('In elements(), mode needs amount and currency.')
    if (clientSecret) idOf(clientSecret, 'pi', 'seti')
    this.client = client
    this.options = options
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
    const { error } = await this.element.entered()
    return error ? { error } : { selectedPaymentMethod: this.element.method() }
  }

  /** What may be paid with here, and what a customer session adds. */
  offers() {
    return (this.asked ??= this.ask())
  }

  async ask() {
    const { currency, paymentMethodTypes, paymentMethodConfiguration, setup_future_usage: usage, customerSessionClientSecret: secret } = this.options
    let types = paymentMethodTypes
    this.usage = usage ?? null
    if (this.clientSecret) {
      const found = await this.client.retrieve(this.clientSecret)
      if (found.error) return found
      const intent = found.paymentIntent ?? found.setupIntent
      types = intent.payment_method_types
      this.usage = intent.setup_future_usage ?? null
    } else if (!types) {
      const offered = await this.client.page('payment_method_types', { currency, payment_method_configuration: paymentMethodConfiguration })
      if (offered.error) return offered
      types = offered.body
    }
    if (!secret) return { types, saved: [] }
    const claimed = await this.client.page('customer_session', { client_secret: secret })
    if (claimed.error) return claimed
    const { features, payment_methods: saved } = claimed.body
    if (this.usage && features.payment_method_save_usage) {
      wrong('Set either payment_method_save_usage on the CustomerSession, or setup_future_usage; both are set.')
    }
    this.usageIfSaved = features.payment_method_save_usage
    const remove = (id) => this.client.page('customer_session/remove', { client_secret: secret, payment_method: id })
    return {
      types,
      saved,
      saves: features.payment_method_save === 'enabled',
      remove: features.payment_method_remove === 'enabled' ? remove : undefined,
    }
  }

  /** What the customer's wish to save means for the payment method and for the intent. */
  saving() {
    if (!this.element.saves()) return { method: {}, intent: {} }
    const isSetup = this.clientSecret ? this.clientSecret.startsWith('seti_') : this.mode === 'setup'
    const usage = isSetup ? undefined : this.usageIfSaved
    return { method: { allow_redisplay: 'always' }, intent: { ...(usage && { setup_future_usage: usage }) } }
  }
}
