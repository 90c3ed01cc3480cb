/** The checkout of a React Native app. Expo's WebBrowser is given by the app, so that this needs no package. */

import type { SoukClient } from './client.js'
import { Checkout, type OpenOptions, type Page, type Platform, type Shown, type Sign, type Timers, type WaitingUi } from './flow.js'

export * from './flow.js'

/** What is used of `expo-web-browser`. */
export interface WebBrowser {
  openBrowserAsync(url: string): Promise<{ type: string }>
  openAuthSessionAsync?(url: string, redirectUrl?: string | null): Promise<{ type: string; url?: string }>
  dismissBrowser?(): unknown
}

interface Subscription {
  remove(): void
}

/** What is used of React Native's `Linking`. */
export interface Linking {
  addEventListener(name: 'url', heed: (event: { url: string }) => void): Subscription
  getInitialURL(): Promise<string | null>
}

/** What is used of React Native's `AppState`. */
export interface AppState {
  addEventListener(name: 'change', heed: (state: string) => void): Subscription
}

export interface NativeOptions {
  /** `import * as WebBrowser from 'expo-web-browser'` */
  browser: WebBrowser
  linking: Linking
  appState: AppState
  /** The app's own address, such as `myapp://checkout`, whose scheme the server allows (`ALLOWED_APP_SCHEMES`). Without it buyers close the page by hand. */
  returnUrl?: string
  /** Shown while the page is open in a browser that doesn't say when it closes (Android). */
  ui?: WaitingUi | null
  timers?: Timers
}

/** A checkout for React Native apps. */
export function createNativeCheckout(souk: SoukClient, options: NativeOptions): Checkout<OpenOptions> {
  return new Checkout(souk, native(options), options.ui ?? null, options.timers)
}

function native({ browser, linking, appState, returnUrl }: NativeOptions): Platform<OpenOptions> {
  const dismiss = () => {
    try {
      // Android has none, and says so by an error or a promise of one.
      void Promise.resolve(browser.dismissBrowser?.()).catch(() => {})
    } catch {}
  }
  return {
    page: (): Page => ({
      urls: returnUrl ? { success_url: returnUrl, cancel_url: returnUrl } : {},
      show: async (url) => {
        const withSession = returnUrl && browser.openAuthSessionAsync
        const closed: { type: string; url?: string } = withSession
          ? await browser.openAuthSessionAsync!(url, returnUrl)
          : await browser.openBrowserAsync(url)
        if (closed.type === 'success') return arrivalAt(closed.url)?.sign === 'left' ? 'cancel' : 'success'
        const known: Shown[] = ['opened', 'dismiss', 'cancel', 'locked']
        // A word that this doesn't know says that the page is closed, and nothing else.
        return known.find((each) => each === closed.type) ?? 'dismiss'
      },
      close: () => {},
    }),
    watch: (session, sign) => {
      const links = linking.addEventListener('url', ({ url }) => {
        const arrival = arrivalAt(url)
        if (arrival?.session !== session) return
        dismiss()
        sign(arrival.sign)
      })
      const states = appState.addEventListener('change', (state) => {
        if (state === 'active') sign('seen')
      })
      return () => {
        links.remove()
        states.remove()
      }
    },
    arrival: async () => arrivalAt(await linking.getInitialURL()),
  }
}

/** What the return page says in the app's address. React Native's `URL` can't read one. */
function arrivalAt(url: string | null | undefined): { session: string; sign: Sign } | null {
  const session = /[?&]session_id=(cs_\w+)/.exec(url ?? '')?.[1]
  return session ? { session, sign: /[?&]page=cancelled\b/.test(url ?? '') ? 'left' : 'returned' } : null
}
