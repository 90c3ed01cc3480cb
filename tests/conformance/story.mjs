// The story of story.py, told with npm `stripe`.
//
// usage: node story.mjs BASE_URL      (with NODE_PATH or a node_modules that has `stripe`)
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const Stripe = createRequire(process.env.CONFORMANCE + '/')('stripe');
const base = new URL(process.argv[2]);
const stripe = new Stripe('sk_test_story_0123456789', {
  host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false,
});
const DAY = 86400;
const JANUARY_31 = 1_801_353_600; // 2027-01-31T00:00:00Z
const MONTH_ENDS = [1_803_772_800, 1_806_451_200, 1_809_043_200]; // 28 February, 31 March, 30 April

/** What only a simulator can do. */
async function control(path, body) {
  const answer = await fetch(`${base.origin}/_simulator${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert(answer.ok, await answer.text());
}

const account = (await stripe.accounts.create({
  country: 'US',
  controller: { fees: { payer: 'account' }, losses: { payments: 'stripe' }, stripe_dashboard: { type: 'full' } },
})).id;
const link = await stripe.accountLinks.create({
  account, type: 'account_onboarding',
  refresh_url: 'https://shop.example/refresh', return_url: 'https://shop.example/return',
});
assert(link.url.startsWith(base.origin));
await control(`/accounts/${account}/onboard`, {});
const seller = await stripe.accounts.retrieve(account);
assert(seller.charges_enabled && seller.payouts_enabled);
const there = { stripeAccount: account };

const pay = (amount, method) => stripe.paymentIntents.create({
  amount, currency: 'usd', application_fee_amount: amount / 10, confirm: true,
  payment_method: method, allowed_payment_method_types: ['card'],
  expand: ['latest_charge.balance_transaction'],
}, there);

const sale = await pay(10_000, 'pm_card_visa');
assert.equal(sale.status, 'succeeded');
const refund = await stripe.refunds.create({ payment_intent: sale.id, amount: 2_500, refund_application_fee: true }, there);
const declined = await pay(3_000, 'pm_card_chargeDeclined').then(
  () => assert.fail('a decline is an error'),
  (error) => {
    assert.equal(error.type, 'StripeCardError');
    return [error.code, error.decline_code, error.payment_intent.status];
  },
);

const disputes = [];
for (const text of ['winning_evidence', 'losing_evidence']) {
  const intent = await pay(4_000, 'pm_card_createDispute');
  let dispute = (await stripe.disputes.list({ payment_intent: intent.id }, there)).data[0];
  await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: text }, submit: true }, there);
  await control('/clock/advance', { seconds: 2 * DAY });
  dispute = await stripe.disputes.retrieve(dispute.id, {}, there);
  disputes.push([dispute.status, dispute.amount, dispute.balance_transactions.map((t) => [t.type, t.amount, t.fee])]);
}

const clock = await stripe.testHelpers.testClocks.create({ frozen_time: JANUARY_31 }, there);
const customer = await stripe.customers.create({ email: 'ada@example.com', test_clock: clock.id }, there);
const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id }, there);
const product = await stripe.products.create({ name: 'Tea, monthly' }, there);
const price = await stripe.prices.create({
  product: product.id, currency: 'usd', unit_amount: 1_500, recurring: { interval: 'month' },
}, there);
let subscription = await stripe.subscriptions.create({
  customer: customer.id, items: [{ price: price.id }], default_payment_method: method.id, application_fee_percent: 10,
}, there);
for (const end of MONTH_ENDS) {
  await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: end + 2 * 3600 }, there);
}
assert.equal((await stripe.testHelpers.testClocks.retrieve(clock.id, {}, there)).status, 'ready');
subscription = await stripe.subscriptions.retrieve(subscription.id, {}, there);
const item = subscription.items.data[0];
const all = (list) => list.autoPagingToArray({ limit: 1000 });
const invoices = (await all(stripe.invoices.list({ subscription: subscription.id, limit: 2 }, there)))
  .map((i) => [i.status, i.amount_paid, i.lines.data[0].period.start, i.lines.data[0].period.end]);

await control('/clock/advance', { seconds: 10 * DAY });
const payouts = [];
for (const payout of await all(stripe.payouts.list({ limit: 2 }, there))) {
  const items = await all(stripe.balanceTransactions.list({ payout: payout.id, limit: 2 }, there));
  const mine = items.filter((t) => t.type !== 'payout');
  assert.equal(mine.reduce((sum, t) => sum + t.net, 0), payout.amount, 'a payout is the sum of its items');
  payouts.push([payout.status, payout.amount, mine.length]);
}
const books = {};
for (const txn of await all(stripe.balanceTransactions.list({ limit: 100 }, there))) {
  const sums = (books[txn.type] ??= [0, 0, 0, 0]);
  [1, txn.amount, txn.fee, txn.net].forEach((value, at) => (sums[at] += value));
}
const fees = (await all(stripe.applicationFees.list({ limit: 100 }))).map((fee) => [fee.amount, fee.amount_refunded]);
const balance = await stripe.balance.retrieve({}, there);

const told = {
  sale: [sale.amount_received, sale.latest_charge.balance_transaction.fee, sale.latest_charge.balance_transaction.net],
  refund: [refund.status, refund.amount],
  declined,
  disputes,
  subscription: [subscription.status, item.current_period_start, item.current_period_end],
  invoices,
  payouts,
  books,
  fees,
  balance: [...balance.available, ...balance.pending].map((b) => [b.amount, b.currency]),
};
const sorted = (value) =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
    : value;
console.log(JSON.stringify(sorted(told)));
