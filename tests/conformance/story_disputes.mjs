// One story of files, disputes and early fraud warnings told with npm `stripe`; story_disputes.py tells the same with PyPI `stripe`.
//
// usage: story_disputes.mjs BASE_URL

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.CONFORMANCE}/`);
const Stripe = require('stripe');

const base = new URL(process.argv[2]);
const stripe = new Stripe('sk_test_story_0123456789', { host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0 });
const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** What only a simulator can do. */
const control = async (path, body) => (await fetch(`${base.origin}/_simulator${path}`, { method: 'POST', body: JSON.stringify(body) })).json();

/** How an error looks in the client, by the name that PyPI `stripe` has for it, and its `param`. */
const refused = async (call) => {
  try {
    await call();
  } catch (error) {
    return [error.type.replace(/^Stripe/, ''), error.param ?? null];
  }
  throw new Error('an error was expected');
};

const seen = (dispute) => {
  const { evidence_details: details, payment_method_details: { card } } = dispute;
  return [
    dispute.status, dispute.reason, dispute.amount, dispute.is_charge_refundable, card.case_type, card.brand,
    details.has_evidence, details.past_due, details.submission_count, dispute.balance_transactions.map((t) => t.amount),
  ];
};

const all = async (list) => {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
};

/** JSON with sorted keys, as Python writes it. */
const sorted = (value) => Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;

const { id: account } = await stripe.accounts.create({
  country: 'US',
  controller: { fees: { payer: 'account' }, losses: { payments: 'stripe' }, stripe_dashboard: { type: 'full' } },
});
await control(`/accounts/${account}/onboard`, {});
const there = { stripeAccount: account };

const pay = (method) => stripe.paymentIntents.create({
  amount: 4_000, currency: 'usd', confirm: true, payment_method: method, allowed_payment_method_types: ['card'],
}, there);
const upload = (content, purpose = 'dispute_evidence') => stripe.files.create({
  purpose, file: { data: content, name: 'proof.png', type: 'application/octet-stream' },
}, there);
const disputeOf = async (intent) => (await stripe.disputes.list({ payment_intent: intent.id }, there)).data[0];
const decide = async (dispute, outcome) => {
  await control(`/disputes/${dispute.id}/decide`, { outcome });
  return seen(await stripe.disputes.retrieve(dispute.id, {}, there));
};

await pay('pm_card_visa');
const file = await upload(PNG);
const proof = await upload(Buffer.concat([PNG, Buffer.from('proof')]));
const read = await stripe.files.retrieve(file.id, {}, there);
const files = {
  made: [read.object, read.purpose, read.type, read.size, read.filename],
  listed: (await all(stripe.files.list({ purpose: 'dispute_evidence', limit: 1 }, there))).map((one) => one.size),
  words: await refused(() => upload(Buffer.from('words'))),
  elsewhere: await refused(() => stripe.files.retrieve(file.id)),
  missing: await refused(() => stripe.files.retrieve('file_none', {}, there)),
};

const answered = await disputeOf(await pay('pm_card_createDispute'));
const draft = { customer_name: 'Ada', receipt: file.id, shipping_documentation: proof.id };
const staged = await stripe.disputes.update(answered.id, { evidence: draft, submit: false, metadata: { case: '7' } }, there);
const wrong = await refused(() => stripe.disputes.update(answered.id, { evidence: { receipt: 'file_none' } }, there));
const appeal = { card: { reason_for_filing: 'It was delivered.', supporting_files: [proof.id] } };
const early = await refused(() => stripe.disputes.update(answered.id, { evidence: { appeal } }, there));
const sent = await stripe.disputes.update(answered.id, { evidence: { customer_name: 'Ada Lovelace' } }, there);
const kept = [sent.evidence.customer_name, sent.evidence.receipt === file.id, sent.metadata.case];
const lost = await decide(answered, 'lost');
const reopened = await decide(answered, 'appealed');
const other = await refused(() => stripe.disputes.update(answered.id, { evidence: { customer_name: 'Bo' } }, there));
const appealed = await stripe.disputes.update(answered.id, { evidence: { appeal } }, there);

const accepted = await stripe.disputes.close((await disputeOf(await pay('pm_card_createDispute'))).id, {}, there);
const over = await refused(() => stripe.disputes.close(accepted.id, {}, there));
const inquiry = await disputeOf(await pay('pm_card_createDisputeInquiry'));

const suspected = await pay('pm_card_createIssuerFraudRecord');
const radar = stripe.radar.earlyFraudWarnings;
const [warning] = (await radar.list({ payment_intent: suspected.id }, there)).data;
const before = await radar.retrieve(warning.id, {}, there);
await stripe.refunds.create({ payment_intent: suspected.id }, there);
const after = await radar.retrieve(warning.id, {}, there);

console.log(JSON.stringify(sorted({
  files,
  staged: seen(staged), wrong, early, sent: seen(sent), kept, lost,
  reopened, other, appealed: seen(appealed), reason: appealed.evidence.appeal.card.reason_for_filing, won: await decide(answered, 'won'),
  accepted: seen(accepted), over,
  inquiry: seen(inquiry), escalated: await decide(inquiry, 'escalated'),
  warning: [before.object, before.fraud_type, before.actionable, after.actionable, before.payment_intent === suspected.id],
  disputes: (await all(stripe.disputes.list({ limit: 2 }, there))).length,
})));
