// What both databases are given: the rows of one paid session, by Souk's own schema, so that the same check holds.

import { randomUUID } from 'node:crypto';

export const OPEN = ['pending', 'processing', 'expired', 'failed'];

export const id = (prefix) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

export const inboxRow = (event, payload, now) => ({
  id: event.id,
  endpoint: 'connect',
  source: 'webhook',
  kind: event.type,
  account: event.account,
  livemode: event.livemode,
  apiVersion: event.api_version,
  object: event.data.object.id,
  stripeCreated: event.created * 1000,
  payload,
  state: 'processed',
  attempts: 1,
  receivedAt: now,
  processedAt: now,
});

export const movementRow = (line, now) => ({
  id: id('stm'),
  productId: line.productId,
  delta: -line.quantity,
  reason: 'sale',
  orderId: line.orderId,
  orderLineId: line.id,
  actor: 'system',
  createdAt: now,
});

export const timelineRow = (payment, session, now) => ({
  id: id('oev'),
  orderId: payment.orderId,
  at: now,
  kind: 'paid',
  data: JSON.stringify({ payment: payment.id, amount_paid: session.amount_total }),
});

export const jobRow = (kind, key, args, now) => ({
  id: id('job'),
  kind,
  args: JSON.stringify({ kind, ...args }),
  effectKey: `${kind}:${key}`,
  subject: args.subject ?? args.payment,
  state: 'ready',
  wantedGeneration: 1,
  doneGeneration: 0,
  attempts: 0,
  runAt: now,
  createdAt: now,
});

export const jobsOf = (payment, now) => [
  jobRow('mail', `order_paid:${payment.orderId}`, { what: 'order_paid', subject: payment.orderId }, now),
  jobRow('mail', `order_paid:${payment.orderId}:seller`, { what: 'order_paid', to: 'seller', subject: payment.orderId }, now),
  jobRow('reread_payment', payment.id, { payment: payment.id }, now),
];
