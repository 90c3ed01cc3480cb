/** The checkout of a web page: in the same tab, a new one or a popup. */

import type { SoukClient } from './client.js'
import { dialog } from './dialog.js'
import { Checkout, type OpenOptions, type Page, type Platform, type Sign, type Timers, type WaitingUi } from './flow.js'

export { dialog, type DialogTexts } from './dialog.js'
export * from './flow.js'

export type Place = 'same' | 'tab' | 'popup'

export interface WebOptions {
  /** Where the payment page opens: in the same tab unless given. */
  in?: Place
  /** Shown while it is open elsewhere: a small dialog unless given. `null`: nothing. */
  ui?: WaitingUi | null
  timers?: Timers
}

export interface WebOpenOptions extends OpenOptions {
  in?: Place
}

/** A checkout for web pages. */
export function createCheckout(souk: SoukClient, options: WebOptions = {}): Checkout<WebOpenOptions> {
  const { ui = dialog(), timers } = options
  return new Checkout(souk, web(souk.url, options.in ?? 'same'), ui, timers)
}

/** The name of the channel and of the messages of return pages, the server's own and this library's. */
const NEWS = 'souk.checkout'
/** In this tab alone: the checkout that it left for. */
const LEFT = 'souk.left'

interface News {
  type: string
  session_id: string | null
  page: string
}

function web(server: string, place: Place): Platform<WebOpenOptions> {
  return {
    page: (options) => ((options.in ?? place) === 'same' ? sameTab() : otherWindow(options.in ?? place)),
    watch,
    announce: (session) => announce(session, 'settled'),
    arrival: async () => {
      const left = take(LEFT)
      const session = new URLSearchParams(location.search).get('session_id')
      if (session?.startsWith('cs_')) {
        // This page may be in the popup, and the shop's own behind it.
        announce(session, 'success')
        return { session, sign: 'returned' }
      }
      return left ? { session: left, sign: 'left' } : null
    },
  }

  function watch(session: string, sign: (sign: Sign) => void): () => void {
    const ends: (() => void)[] = []
    const on = (target: EventTarget, name: string, heed: (event: never) => void) => {
      target.addEventListener(name, heed as EventListener)
      ends.push(() => target.removeEventListener(name, heed as EventListener))
    }
    const news = (data: News | null) => {
      if (data?.type !== NEWS || (data.session_id && data.session_id !== session)) return
      sign(data.page === 'cancelled' ? 'left' : data.page === 'success' ? 'returned' : 'seen')
    }
    const origins = [new URL(server, location.href).origin, location.origin]
    on(window, 'message', (event: MessageEvent) => origins.includes(event.origin) && news(event.data))
    on(window, 'focus', () => sign('seen'))
    on(window, 'online', () => sign('seen'))
    on(document, 'visibilitychange', () => document.visibilityState === 'visible' && sign('seen'))
    // The back button, where the browser had kept the page as it was.
    on(window, 'pageshow', (event: PageTransitionEvent) => event.persisted && take(LEFT) && sign('left'))
    const channel = tabs()
    if (channel) {
      on(channel, 'message', (event: MessageEvent) => news(event.data))
      ends.push(() => channel.close())
    }
    return () => ends.forEach((end) => end())
  }
}

function announce(session_id: string, page: string): void {
  const channel = tabs()
  channel?.postMessage({ type: NEWS, session_id, page } satisfies News)
  channel?.close()
}

/** The shop's tabs; null in a browser that keeps them apart. */
function tabs(): BroadcastChannel | null {
  return window.BroadcastChannel ? new BroadcastChannel(NEWS) : null
}

function sameTab(): Page {
  const here = new URL(location.href)
  here.hash = ''
  here.searchParams.delete('session_id')
  const mark = here.search ? '&' : '?'
  return {
    isLeaving: true,
    urls: { success_url: `${here}${mark}session_id={CHECKOUT_SESSION_ID}`, cancel_url: `${here}` },
    show: async (url, session) => {
      put(LEFT, session)
      location.assign(url)
      return 'opened'
    },
    close: () => {},
  }
}

function otherWindow(place: Place): Page {
  const features = place === 'popup' ? `popup,width=480,height=760,left=${(screen.width - 480) >> 1},top=${(screen.height - 760) >> 1}` : ''
  // Now, within the click, and empty: the address comes later.
  let opened = window.open('about:blank', '_blank', features)
  return {
    urls: {},
    show: async (url) => {
      if (opened && !opened.closed) opened.location.href = url
      else opened = null
      return 'opened'
    },
    isBlocked: () => !opened,
    close: () => opened?.close(),
  }
}

function put(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value)
  } catch {
    // Refused: coming back is then noticed by the address alone.
  }
}

function take(key: string): string | null {
  try {
    const value = sessionStorage.getItem(key)
    sessionStorage.removeItem(key)
    return value
  } catch {
    return null
  }
}
