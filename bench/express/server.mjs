// The handler that everybody copies, written as a competent Node developer would: Express 5, stripe-node over the raw
// body, Drizzle, one transaction per event: insert the event, update the order where it is still open, take the stock
// where there is some, write down what is to be done later, commit, and only then answer 200.

import express from 'express';
import Stripe from 'stripe';

const { DATABASE_URL, PORT, STRIPE_API, WEBHOOK_SECRET } = process.env;
const { hostname, port } = new URL(STRIPE_API);
const stripe = new Stripe('sk_test_bench', { host: hostname, port, protocol: 'http', telemetry: false });
const store = await (DATABASE_URL.startsWith('postgres')
  ? import('./postgres.mjs')
  : import('./sqlite.mjs')).then((module) => module.open(DATABASE_URL));

const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.post('/webhooks/stripe/connect', express.raw({ type: 'application/json', limit: '512kb' }), async (request, response) => {
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.headers['stripe-signature'], WEBHOOK_SECRET);
  } catch (error) {
    return response.status(400).json({ error: error.message });
  }
  const state = await store.receive(event, request.body.toString('utf8'));
  response.json({ received: true, state });
});

// The page that the buyer comes back to asks this. Everybody asks Stripe each time, paid or not.
app.post('/v1/checkout_sessions/:id/verify', async (request, response) => {
  const payment = await store.payment(request.params.id);
  if (!payment) return response.status(404).json({ error: 'no such session' });
  const session = await stripe.checkout.sessions.retrieve(request.params.id, {}, { stripeAccount: payment.account });
  response.json({ success: session.payment_status === 'paid', status: payment.status });
});

// And this is how it would be if the database were asked first.
app.post('/v1/checkout_sessions/:id/status', async (request, response) => {
  const payment = await store.payment(request.params.id);
  if (!payment) return response.status(404).json({ error: 'no such session' });
  response.json({ success: payment.status === 'paid', status: payment.status });
});

app.listen(Number(PORT), '127.0.0.1');
