/** What became of a checkout, as the server says it. */

import type { Schemas } from './client.js'

export type Verification = Schemas['Verification']
type OrderStatus = Schemas['OrderStatus']

/**
 * - `paid`: the money is there.
 * - `processing`: the money is under way, and `verification.status` says where: a slow method such as a bank debit (`processing`), held
 *   until the seller ships (`authorized`), or back to the buyer (`refund_due`).
 * - `failed`: the payment failed; nothing was charged.
 * - `expired`: the payment page was closed unpaid.
 * - `refunded`: it was paid, and all of the money has gone back.
 * - `cancelled`: called off, or the buyer left without paying. The page may still be open to come back to.
 * - `unknown`: nobody can say yet. Whoever has paid is safe, and is told by mail; ask again with `verify`.
 */
export type Result = 'paid' | 'processing' | 'failed' | 'expired' | 'refunded' | 'cancelled' | 'unknown'

export interface Outcome {
  result: Result
  /** The checkout session's or payment intent's id. */
  id: string
  /** The server's last answer; null if there was none. */
  verification: Verification | null
  /** What to tell the buyer, in the server's words. */
  message: string | null
  /** Why there was no answer. */
  error?: unknown
}

/** `null`: it may still become anything. A status that the contract gains is a type error here. */
const RESULTS: Record<OrderStatus, Result | null> = {
  pending: null,
  processing: 'processing',
  authorized: 'processing',
  paid: 'paid',
  refund_due: null,
  refunded: 'refunded',
  cancelled: 'cancelled',
  cancelled_sold_out: 'cancelled',
  expired: 'expired',
  failed: 'failed',
}

/** What an answer means, and whether asking again would change it. */
export function judge(answer: Verification): { result: Result; isFinal: boolean } {
  const { status } = answer
  const result = RESULTS[status]
  // Of several orders one is paid, or held.
  if (answer.success && result) return { result, isFinal: true }
  const isOpen = status === 'pending' || status === 'processing'
  // Nobody can learn more of a shop that has left.
  if (isOpen && answer.seller_disconnected) return { result: 'unknown', isFinal: true }
  // A server that is newer than this knows states that this doesn't.
  const open = answer.orders.filter((order) => !RESULTS[order.status])
  if (open.length === 0) return { result: result ?? 'unknown', isFinal: true }
  if (open.every((order) => order.status === 'refund_due')) {
    // Where the money was to go back and doesn't, a person must see to it.
    const isStuck = open.some((order) => order.refund_failed || order.disputed)
    return { result: isStuck ? 'unknown' : 'processing', isFinal: isStuck }
  }
  return { result: 'unknown', isFinal: false }
}

/** Whether the server has said that nothing is paid, and that it still could be. */
export function isUnpaid(outcome: Outcome): boolean {
  const { verification } = outcome
  return verification?.status === 'pending' && !verification.seller_disconnected && verification.orders.every((order) => order.status === 'pending')
}
