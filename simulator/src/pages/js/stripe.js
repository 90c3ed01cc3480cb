// ── Stripe() ───────────────────────────────────────────────────────────────────────────────────

window.Stripe = function (key, options) {
  const client = new Client(key, options)
  return {
    elements: (of) => new Elements(client, of),
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
      return client.method(typed instanceof Element ? await typed.entered() : { data: { type, card } }, { ...params, ...(billing_details && { billing_details }) })
    },
    createConfirmationToken: (of) => client.confirmationToken(of),
    initCheckoutElementsSdk: (of) => new Checkout(client, of),
    createEmbeddedCheckoutPage: (of) => checkoutPage(client, of),
    initEmbeddedCheckout: () => wrong('initEmbeddedCheckout() is called createEmbeddedCheckoutPage() now.'),
    initCheckout: () => wrong('initCheckout() is called initCheckoutElementsSdk() now.'),
  }
}
window.Stripe.version = VERSION
