// The story of story_v2.py, told with npm `stripe`.
//
// usage: node story_v2.mjs BASE_URL      (with NODE_PATH or a node_modules that has `stripe`)
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const Stripe = createRequire(process.env.CONFORMANCE + '/')('stripe');
const base = new URL(process.argv[2]);
const stripe = new Stripe('sk_test_story_0123456789', {
  host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false,
});
const { accounts, accountLinks: links, accountTokens } = stripe.v2.core;
const ALL = ['configuration.customer', 'configuration.merchant', 'configuration.recipient', 'defaults', 'future_requirements', 'identity', 'requirements'];
const DIRECT = {
  display_name: "Mira's Lamps", contact_email: 'mira@example.com', dashboard: 'full',
  defaults: {
    currency: 'eur', profile: { doing_business_as: "Mira's Lamps" },
    responsibilities: { fees_collector: 'stripe', losses_collector: 'stripe' },
  },
  identity: { country: 'de', entity_type: 'individual' },
  configuration: { merchant: { capabilities: { card_payments: { requested: true } } } },
  metadata: { seller: '7' },
};
const OURS = { fees_collector: 'application', losses_collector: 'application' };

/** What only a simulator can do. */
async function control(path, body) {
  const answer = await fetch(`${base.origin}/_simulator${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert(answer.ok, await answer.text());
}

/** How an error looks in the client. */
async function refused(call) {
  try {
    await call();
  } catch (error) {
    return [error.statusCode, error.code];
  }
  assert.fail('an error was expected');
}

const whole = { ...DIRECT, include: ['configuration.merchant'] };
const made = await accounts.create(whole, { idempotencyKey: 'one' });
const again = await accounts.create(whole, { idempotencyKey: 'one' });
assert.equal(made.id, again.id, 'made once');
const seller = made.id;
const fresh = [made.configuration.merchant.capabilities.card_payments.status, made.identity, made.applied_configurations];
const link = await links.create({ account: seller, use_case: { type: 'account_onboarding', account_onboarding: {
  configurations: ['merchant'], refresh_url: 'https://shop.example/refresh', return_url: 'https://shop.example/return',
} } });
assert(link.url.startsWith(base.origin));
await control(`/accounts/${seller}/onboard`, {});

async function capabilities() {
  const account = await accounts.retrieve(seller, { include: ALL });
  const merchant = account.configuration.merchant.capabilities;
  const entries = account.requirements.entries.map((e) => [
    e.description, e.awaiting_action_from, e.minimum_deadline.status, e.impact.restricts_capabilities.map((r) => r.capability),
  ]);
  const soonest = account.requirements.summary?.minimum_deadline;
  return [merchant.card_payments.status, merchant.stripe_balance.payouts.status, entries, soonest ? [soonest.status, soonest.time] : null];
}

const onboarded = await capabilities();
const payment = await stripe.paymentIntents.create({
  amount: 10_000, currency: 'eur', application_fee_amount: 1_000, confirm: true,
  payment_method: 'pm_card_visa', allowed_payment_method_types: ['card'],
}, { stripeAccount: seller });
const due = { currently_due: ['individual.verification.document'] };
await control(`/accounts/${seller}/restrict`, { ...due, current_deadline: 1_900_000_000 });
const warned = await capabilities();
await control(`/accounts/${seller}/restrict`, due);
const restricted = await capabilities();
await control(`/accounts/${seller}/unrestrict`, {});
const mended = await capabilities();
const update = await accounts.update(seller, { metadata: { seller: null, shop: '8' }, contact_phone: '+4930123456' });

const company = (await accounts.create({
  ...DIRECT, dashboard: 'none', defaults: { responsibilities: OURS }, identity: { country: 'de', entity_type: 'company' },
})).id;
let person = await accounts.persons.create(company, {
  given_name: 'Ada', surname: 'Lovelace', date_of_birth: { day: 1, month: 1, year: 1902 },
  relationship: { representative: true, owner: true, percent_ownership: Stripe.Decimal ? Stripe.Decimal.from('62.5') : '62.5', title: 'Owner' },
  id_numbers: [{ type: 'de_stn', value: '12/345/67890' }],
});
const token = await accounts.personTokens.create(company, { surname: 'King' });
person = await accounts.persons.update(company, person.id, { person_token: token.id });
const shown = [person.given_name, person.surname, String(person.relationship.percent_ownership), person.id_numbers[0].type];
assert((await accounts.personTokens.retrieve(company, token.id)).used);
const gone = await accounts.persons.del(company, person.id);
assert(gone.id === person.id && (await accounts.persons.list(company)).data.length === 0);
const accountToken = await accountTokens.create({ display_name: 'By a token', contact_email: 't@example.com' });
const { display_name, contact_email, ...rest } = DIRECT;
const byToken = await accounts.create({ ...rest, identity: { country: 'de' }, account_token: accountToken.id });
assert((await accountTokens.retrieve(accountToken.id)).used);

const names = [];
for await (const account of accounts.list({ limit: 1 })) names.push(account.display_name);
const errors = [
  await refused(() => accounts.create({ ...DIRECT, dashboard: 'express' })),
  await refused(() => accounts.create({ ...DIRECT, colour: 'red' })),
  await refused(() => accounts.create({ ...DIRECT, contact_email: 'nobody' })),
  await refused(() => accounts.create({ ...DIRECT, dashboard: 'none' }, { idempotencyKey: 'one' })),
  await refused(() => accounts.retrieve('acct_1nobody')),
  await refused(() => accounts.close(company, { applied_configurations: ['recipient'] })),
  await refused(() => links.create({ account: seller, use_case: { type: 'account_onboarding', account_onboarding: { configurations: ['recipient'], refresh_url: 'https://a.example' } } })),
];
const closed = await accounts.close(company, { applied_configurations: ['merchant'] });

/** JSON with sorted keys, as Python writes it. */
const sorted = (value) => Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;
console.log(JSON.stringify(sorted({
  new: fresh, onboarded, paid: [payment.status, payment.amount_received], warned, restricted, mended,
  update: [update.metadata, update.contact_phone], person: shown, by_token: byToken.display_name,
  names, errors, closed: [closed.closed, (await accounts.list({ closed: true })).data.length],
})));
