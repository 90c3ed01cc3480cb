// Souk's tables, as far as the handler needs them, and the handler's transaction.

import { and, eq, gte, inArray, sql } from 'drizzle-orm';
import { bigint, boolean, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { OPEN, inboxRow, jobsOf, movementRow, timelineRow } from './rows.mjs';

const inboxEvents = pgTable('inbox_events', {
  id: text('id').primaryKey(),
  endpoint: text('endpoint'),
  source: text('source'),
  kind: text('kind'),
  account: text('account'),
  livemode: boolean('livemode'),
  apiVersion: text('api_version'),
  object: text('object'),
  stripeCreated: bigint('stripe_created', { mode: 'number' }),
  payload: text('payload'),
  state: text('state'),
  attempts: integer('attempts'),
  receivedAt: bigint('received_at', { mode: 'number' }),
  processedAt: bigint('processed_at', { mode: 'number' }),
});
const payments = pgTable('payments', {
  id: text('id').primaryKey(),
  chargeAccount: text('charge_account'),
  livemode: boolean('livemode'),
  stripeObject: text('stripe_object'),
  status: text('status'),
  currency: text('currency'),
  amountSubtotal: bigint('amount_subtotal', { mode: 'number' }),
  amountPaid: bigint('amount_paid', { mode: 'number' }),
  amountDiscount: bigint('amount_discount', { mode: 'number' }),
  paymentIntent: text('payment_intent'),
  paidAt: bigint('paid_at', { mode: 'number' }),
  updatedAt: bigint('updated_at', { mode: 'number' }),
});
const paymentOrders = pgTable('payment_orders', {
  paymentId: text('payment_id'),
  orderId: text('order_id'),
});
const orders = pgTable('orders', {
  id: text('id').primaryKey(),
  status: text('status'),
  paidAt: bigint('paid_at', { mode: 'number' }),
  updatedAt: bigint('updated_at', { mode: 'number' }),
});
const orderLines = pgTable('order_lines', {
  id: text('id').primaryKey(),
  orderId: text('order_id'),
  productId: text('product_id'),
  quantity: bigint('quantity', { mode: 'number' }),
});
const orderEvents = pgTable('order_events', {
  id: text('id').primaryKey(),
  orderId: text('order_id'),
  at: bigint('at', { mode: 'number' }),
  kind: text('kind'),
  data: text('data'),
});
const products = pgTable('products', {
  id: text('id').primaryKey(),
  available: bigint('available', { mode: 'number' }),
  updatedAt: bigint('updated_at', { mode: 'number' }),
});
const stockMovements = pgTable('stock_movements', {
  id: text('id').primaryKey(),
  productId: text('product_id'),
  delta: bigint('delta', { mode: 'number' }),
  reason: text('reason'),
  orderId: text('order_id'),
  orderLineId: text('order_line_id'),
  actor: text('actor'),
  createdAt: bigint('created_at', { mode: 'number' }),
});
const jobs = pgTable('jobs', {
  id: text('id').primaryKey(),
  kind: text('kind'),
  args: text('args'),
  effectKey: text('effect_key'),
  subject: text('subject'),
  state: text('state'),
  wantedGeneration: bigint('wanted_generation', { mode: 'number' }),
  doneGeneration: bigint('done_generation', { mode: 'number' }),
  attempts: integer('attempts'),
  runAt: bigint('run_at', { mode: 'number' }),
  createdAt: bigint('created_at', { mode: 'number' }),
});

export function open(url) {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  const db = drizzle(pool);
  return {
    receive: (event, payload) => db.transaction((tx) => receive(tx, event, payload)),
    payment: async (session) => (await db.select({ id: payments.id, status: payments.status, account: payments.chargeAccount })
      .from(payments).where(eq(payments.stripeObject, session)))[0],
  };
}

async function receive(tx, event, payload) {
  const now = Date.now();
  const inserted = await tx.insert(inboxEvents).values(inboxRow(event, payload, now)).onConflictDoNothing();
  if (inserted.rowCount === 0) return 'duplicate';
  if (event.type !== 'checkout.session.completed') return 'ignored';
  const session = event.data.object;
  const [payment] = await tx
    .select({ id: payments.id, orderId: paymentOrders.orderId })
    .from(payments)
    .innerJoin(paymentOrders, eq(paymentOrders.paymentId, payments.id))
    .where(eq(payments.stripeObject, session.id));
  if (!payment) return 'ignored';
  const paid = await tx
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
    ));
  if (paid.rowCount === 0) return 'ignored';
  const lines = await tx.select().from(orderLines).where(eq(orderLines.orderId, payment.orderId));
  for (const line of lines) {
    const taken = await tx
      .update(products)
      .set({ available: sql`${products.available} - ${line.quantity}`, updatedAt: now })
      .where(and(eq(products.id, line.productId), gte(products.available, line.quantity)));
    if (taken.rowCount === 0) throw new Error(`${line.productId} is sold out`);
    await tx.insert(stockMovements).values(movementRow(line, now));
  }
  await tx.update(orders).set({ status: 'paid', paidAt: now, updatedAt: now })
    .where(and(eq(orders.id, payment.orderId), eq(orders.status, 'pending')));
  await tx.insert(orderEvents).values(timelineRow(payment, session, now));
  await tx.insert(jobs).values(jobsOf(payment, now)).onConflictDoUpdate({
    target: jobs.effectKey,
    set: { wantedGeneration: sql`${jobs.wantedGeneration} + 1` },
  });
  return 'processed';
}
