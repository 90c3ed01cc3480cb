/** A server that answers what a test says, a clock that only sleeping moves, a platform that shows what a test says. */
import { type KeyValueStorage, SoukClient } from '../src/client.ts'
import type { Page, Platform, Shown, Sign, Timers, Verification, Waiting, WaitingUi } from '../src/flow.ts'
import { memory } from '../src/kept.ts'

export interface Asked {
  method: string
  path: string
  headers: Record<string, string>
  body: any
}

export type Reply = { status?: number; body?: unknown; headers?: Record<string, string> } | 'offline'

export class Server {
  readonly asked: Asked[] = []

  constructor(public answer: (asked: Asked) => Reply | Promise<Reply>) {}

  readonly fetch = (async (url: string, init: RequestInit) => {
    const path = url.replace('https://souk.test', '')
    const asked = { method: init.method!, path, headers: init.headers as Record<string, string>, body: JSON.parse((init.body as string) ?? 'null') }
    this.asked.push(asked)
    const reply = await this.answer(asked)
    if (reply === 'offline') throw new TypeError('Failed to fetch')
    const { status = 200, body, headers = {} } = reply
    const text = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
    return new Response(text, { status, headers })
  }) as typeof fetch

  client(storage: KeyValueStorage = memory(), onLoggedOut = () => {}): SoukClient {
    return new SoukClient({ url: 'https://souk.test/', storage, fetch: this.fetch, onLoggedOut })
  }

  to(part: string): Asked[] {
    return this.asked.filter(({ path }) => path.includes(part))
  }
}

export const problem = (status: number, code: string, headers = {}): Reply => ({
  status,
  headers,
  body: { type: 'about:blank', title: code, status, detail: `It is ${code}.`, code, param: null, request_id: 'req_1' },
})

export function says(status: string, more: Partial<Verification> = {}): Verification {
  const of = { status, refund_failed: false, disputed: false, message: status, order: null, ...more }
  return {
    object: 'verification',
    success: status === 'paid',
    seller_disconnected: false,
    orders: [of],
    ...of,
  } as unknown as Verification
}

/** Sleeping takes no time, and is written down. */
export class Clock implements Timers {
  time = 0
  readonly slept: number[] = []

  constructor(private readonly chance = 0.5) {}

  now = () => this.time
  random = () => this.chance
  sleep = async (milliseconds: number, signal?: AbortSignal) => {
    this.slept.push(milliseconds)
    this.time += milliseconds
    await new Promise((resolve) => setImmediate(resolve))
    if (signal?.aborted) throw new Error('aborted')
  }
}

export class Stage implements Platform {
  readonly shown: string[] = []
  readonly announced: string[] = []
  closed = 0
  signs: ((sign: Sign) => void)[] = []
  from: { session: string; sign: Sign } | null = null
  show: () => Promise<Shown> = async () => 'opened'

  page = (): Page => ({
    urls: { success_url: 'https://shop.test/back' },
    show: (url) => {
      this.shown.push(url)
      return this.show()
    },
    close: () => void this.closed++,
  })
  watch = (_: string, sign: (sign: Sign) => void) => {
    this.signs.push(sign)
    return () => void (this.signs = this.signs.filter((each) => each !== sign))
  }
  announce = (session: string) => void this.announced.push(session)
  arrival = async () => this.from
  sign = (sign: Sign) => this.signs.forEach((each) => each(sign))
}

/** Shows nothing, and remembers what it was told. */
export class Ui {
  waiting: Waiting | null = null
  messages: (string | null)[] = []
  closed = 0
  ui: WaitingUi = (waiting) => {
    this.waiting = waiting
    return {
      update: ({ isChecking, message }) => void (isChecking || this.messages.push(message)),
      close: () => void this.closed++,
    }
  }
}

/** Lets all that can happen now happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

export const session = (id: string, more = {}) => ({
  status: 201,
  body: { id, object: 'checkout_session', order_id: 'ord_1', status: 'open', url: `https://pay.test/${id}`, order_secret: 'ors_secret', ...more },
})

export const request = { lines: [{ product_id: 'prd_1', quantity: 1 }], customer_email: 'sam@example.com' }
