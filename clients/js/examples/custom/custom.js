// A page of one's own with a payment intent: the card's number goes from Stripe's field to Stripe, and the server alone says what
// became of the payment. docs/payments.md has the picture.
const souk = new URLSearchParams(location.search).get('souk') ?? 'http://localhost:8080'
const element = (id) => document.getElementById(id)

/** Asks the server. A guest's order secret is the proof that the order is theirs. */
async function ask(path, body, secret) {
  const headers = { 'Content-Type': 'application/json', ...(secret && { 'Order-Secret': secret }) }
  const answer = await fetch(souk + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const found = await answer.json()
  if (!answer.ok) throw new Error(found.detail)
  return found
}

const intent = await ask('/v1/payment_intents', {
  lines: [{ product_id: 'prd_00000000000070008000000000000001', quantity: 1 }],
  customer_email: 'guest@example.com',
})
const stripe = Stripe(intent.publishable_key, { stripeAccount: intent.stripe_account })
const elements = stripe.elements({ clientSecret: intent.client_secret })
elements.create('payment').mount('#element')
element('pay').disabled = false

function show(of, text) {
  element('result').dataset.result = of
  element('result').textContent = text
}

element('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  element('pay').disabled = true
  const { error } = await stripe.confirmPayment({
    elements,
    // Only a bank with a page of its own leads away from here, and back to this address.
    confirmParams: { return_url: `${souk}/checkout/success` },
    redirect: 'if_required',
  })
  if (error) {
    // The same intent waits for another card.
    show('declined', error.message)
    element('pay').disabled = false
    return
  }
  const verified = await ask(`/v1/payment_intents/${intent.id}/verify`, {}, intent.order_secret)
  show(verified.status, verified.message)
})
