// One story of event destinations and thin events told with npm `stripe`; story_thin.py tells the same with PyPI `stripe`.
//
// usage: story_thin.mjs BASE_URL

import assert from 'node:assert';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { once } from 'node:events';

const require = createRequire(`${process.env.CONFORMANCE}/`);
const Stripe = require('stripe');

const base = new URL(process.argv[2]);
const stripe = new Stripe('sk_test_story_0123456789', { host: base.hostname, port: base.port, protocol: 'http', maxNetworkRetries: 0 });
const { eventDestinations: destinations, events, accounts } = stripe.v2.core;
// The simulator's clock stands still, so its signatures grow old.
const TOLERANCE = 10 * 365 * 86_400;
const received = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  received.push([body, request.headers['stripe-signature']]);
  response.end();
}).listen(0, '127.0.0.1');
await once(server, 'listening');

/** What only a simulator can do. */
const control = async (path, body) => (await fetch(`${base.origin}/_simulator${path}`, { method: 'POST', body: JSON.stringify(body) })).json();

/** How an error looks in the client, by the name that PyPI `stripe` has for it. */
const refused = async (call) => {
  try {
    await call();
  } catch (error) {
    return error.type.replace(/^Stripe/, '');
  }
  throw new Error('an error was expected');
};

const made = await destinations.create({
  name: 'Accounts', type: 'webhook_endpoint', event_payload: 'thin', events_from: ['@accounts'],
  enabled_events: ['v2.core.account[requirements].updated'],
  webhook_endpoint: { url: `http://127.0.0.1:${server.address().port}/` },
  include: ['webhook_endpoint.signing_secret'],
});
const secret = made.webhook_endpoint.signing_secret;
const types = ['v2.core.account[requirements].updated', 'v2.core.account.closed'];
const mended = await destinations.update(made.id, { enabled_events: types, metadata: { shop: '7' } });
const seller = (await accounts.create({
  contact_email: 'mira@example.com', dashboard: 'full', identity: { country: 'de' },
  defaults: { responsibilities: { fees_collector: 'stripe', losses_collector: 'stripe' } },
  configuration: { merchant: { capabilities: { card_payments: { requested: true } } } },
})).id;
await control('/events/drop_pending', {});
await control(`/accounts/${seller}/onboard`, {});
await control('/events/deliver_pending', {});
const told = new Map();
let forged;
for (const [body, signature] of received.splice(0)) {
  const notification = stripe.parseEventNotification(body, signature, secret, TOLERANCE);
  const [event, account] = [await notification.fetchEvent(), await notification.fetchRelatedObject()];
  assert(event.id === notification.id && account.id === seller && notification.related_object.id === seller);
  const one = [notification.type, event.object, account.object, notification.livemode];
  told.set(JSON.stringify(one), one);
  forged = await refused(() => stripe.parseEventNotification(body, signature, 'whsec_other', TOLERANCE));
}
const listed = new Set();
for await (const event of events.list({ types, limit: 100 })) listed.add(event.type);
const ping = await destinations.ping(made.id);
await control('/events/deliver_pending', {});
const pinged = stripe.parseEventNotification(...received.shift(), secret, TOLERANCE);
assert(pinged.id === ping.id);
const statuses = [(await destinations.disable(made.id)).status, (await destinations.enable(made.id)).status];
let count = 0;
for await (const _ of destinations.list({})) count += 1;
const gone = await destinations.del(made.id);
assert(gone.id === made.id);
const missing = await refused(() => destinations.retrieve(made.id));
server.close();
server.closeAllConnections();

/** JSON with sorted keys, as Python writes it. */
const sorted = (value) => Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;
console.log(JSON.stringify(sorted({
  made: [made.event_payload, made.events_from, made.status, made.type], mended: [mended.enabled_events, mended.metadata],
  told: [...told.values()].sort(), forged, listed: [...listed].sort(), pinged: [ping.type, pinged.type], statuses, count, missing,
})));
