// Souk's tables, as far as the handler needs them, and the handler's transaction.

import Database from 'better-sqlite3';
import { and, eq, gte, inArray, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { OPEN, inboxRow, jobsOf, movementRow, timelineRow } from './rows.mjs';

const inboxEvents = sqliteTable('inbox_events', {
  id: text('id').primaryKey(),
  endpoint: text('endpoint'),
  source: text('source'),
  kind: text('kind'),
  account: text('account'),
  livemode: integer('livemode', { mode: 'boolean' }),
  apiVersion: text('api_version'),
  object: text('object'),
  stripeCreated: integer('stripe_created'),
  payload: text('payload'),
  state: text('state'),
  attempts: integer('attempts'),
  receivedAt: integer('received_at'),
  processedAt: integer('processed_at'),
});
const payments = sqliteTable('payments', {
  id: text('id').primaryKey(),
  chargeAccount: text('charge_account'),
  livemode: integer('livemode', { mode: 'boolean' }),
  stripeObject: text('stripe_object'),
  status: text('status'),
  currency: text('currency'),
  amountSubtotal: integer('amount_subtotal'),
  amountPaid: integer('amount_paid'),
  amountDiscount: integer('amount_discount'),
  paymentIntent: text('payment_intent'),
  paidAt: integer('paid_at'),
  updatedAt: integer('updated_at'),
});
const paymentOrders = sqliteTable('payment_orders', {
  paymentId: text('payment_id'),
  orderId: text('order_id'),
});
const orders = sqliteTable('orders', {
  id: text('id').primaryKey(),
  status: text('status'),
  paidAt: integer('paid_at'),
  updatedAt: integer('updated_at'),
});
const orderLines = sqliteTable('order_lines', {
  id: text('id').primaryKey(),
  orderId: text('order_id'),
  productId: text('product_id'),
  quantity: integer('quantity'),
});
const orderEvents = sqliteTable('order_events', {
  id: text('id').primaryKey(),
  orderId: text('order_id'),
  at: integer('at'),
  kind: text('kind'),
  data: text('data'),
});
const products = sqliteTable('products', {
  id: text('id').primaryKey(),
  available: integer('available'),
  updatedAt: integer('updated_at'),
});
const stockMovements = sqliteTable('stock_movements', {
  id: text('id').primaryKey(),
  productId: text('product_id'),
  delta: integer('delta'),
  reason: text('reason'),
  orderId: text('order_id'),
  orderLineId: text('order_line_id'),
  actor: text('actor'),
  createdAt: integer('created_at'),
});
const jobs = sqliteTable('jobs', {
  id: text('id').primaryKey(),
  kind: text('kind'),
  args: text('args'),
  effectKey: text('effect_key'),
  subject: text('subject'),
  state: text('state'),
  wantedGeneration: integer('wanted_generation'),
  doneGeneration: integer('done_generation'),
  attempts: integer('attempts'),
  runAt: integer('run_at'),
  createdAt: integer('created_at'),
});

export function open(url) {
  const client = new Database(url.replace('sqlite://', '').replace(/\?.*/, ''));
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'busy_timeout = 5000']) {
    client.pragma(pragma);
  }
  const db = drizzle(client);
  const bySession = db.select({ id: payments.id, status: payments.status, account: payments.chargeAccount })
    .from(payments).where(eq(payments.stripeObject, sql.placeholder('session'))).prepare();
  return {
    receive: (event, payload) => db.transaction((tx) => receive(tx, event, payload), { behavior: 'immediate' }),
    payment: (session) => bySession.get({ session }),
  };
}

function receive(tx, event, payload) {
  const now = Date.now();
  const inserted = tx.insert(inboxEvents).values(inboxRow(event, payload, now)).onConflictDoNothing().run();
  if (inserted.changes === 0) return 'duplicate';
  if (event.type !== 'checkout.session.completed') return 'ignored';
  const session = event.data.object;
  const [payment] = tx
    .select({ id: payments.id, orderId: paymentOrders.orderId })
    .from(payments)
    .innerJoin(paymentOrders, eq(paymentOrders.paymentId, payments.id))
    .where(eq(payments.stripeObject, session.id)).all();
  if (!payment) return 'ignored';
  const paid = tx
    .update(payments)
    .set({
      status: 'paid',
      amountPaid: session.amount_total,
      amountDiscount: 0,
      paymentIntent: session.payment_intent,
      paidAt: now,
      updatedAt: now,
    })
    .where(and(
      eq(payments.id, payment.id),
      inArray(payments.status, OPEN),
      eq(payments.chargeAccount, event.account),
      eq(payments.livemode, event.livemode),
      eq(payments.currency, session.currency),
      eq(payments.amountSubtotal, session.amount_subtotal),
    )).run();
  if (paid.changes === 0) return 'ignored';
  const lines = tx.select().from(orderLines).where(eq(orderLines.orderId, payment.orderId)).all();
  for (const line of lines) {
    const taken = tx
      .update(products)
      .set({ available: sql`${products.available} - ${line.quantity}`, updatedAt: now })
      .where(and(eq(products.id, line.productId), gte(products.available, line.quantity))).run();
    if (taken.changes === 0) throw new Error(`${line.productId} is sold out`);
    tx.insert(stockMovements).values(movementRow(line, now)).run();
  }
  tx.update(orders).set({ status: 'paid', paidAt: now, updatedAt: now })
    .where(and(eq(orders.id, payment.orderId), eq(orders.status, 'pending'))).run();
  tx.insert(orderEvents).values(timelineRow(payment, session, now)).run();
  tx.insert(jobs).values(jobsOf(payment, now)).onConflictDoUpdate({
    target: jobs.effectKey,
    set: { wantedGeneration: sql`${jobs.wantedGeneration} + 1` },
  }).run();
  return 'processed';
}
