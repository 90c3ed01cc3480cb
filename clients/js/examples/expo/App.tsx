// A shop in Expo: one product, one button. `npx create-expo-app`, then this file instead of its App.tsx, and
// `npx expo install expo-web-browser @react-native-async-storage/async-storage`; in app.json: "scheme": "teahouse".
// The server's settings: ALLOWED_APP_SCHEMES=teahouse
import AsyncStorage from '@react-native-async-storage/async-storage'
import * as WebBrowser from 'expo-web-browser'
import { AppState, Button, Linking, StyleSheet, Text, View } from 'react-native'

import { SoukClient } from '@souk/client'
import { createNativeCheckout, type Result } from '@souk/client/react-native'
import { type CheckoutState, useCheckout } from '@souk/client/react'

const souk = new SoukClient({ url: 'https://souk.example.com', storage: AsyncStorage })
const checkout = createNativeCheckout(souk, {
  browser: WebBrowser,
  linking: Linking,
  appState: AppState,
  returnUrl: 'teahouse://checkout',
})

const BOWL = { lines: [{ product_id: 'prd_00000000000070008000000000000001', quantity: 1 }], customer_email: 'guest@example.com' }

const TITLES: Record<Result, string> = {
  paid: 'Thank you, it is paid.',
  processing: 'Your money is on its way.',
  failed: 'The payment failed. Nothing was charged.',
  expired: 'The payment page has expired. Nothing was charged.',
  refunded: 'Your money is back.',
  cancelled: 'You have not paid. The bowl is still here.',
  unknown: "We can't say yet. If you have paid, it is safe, and a mail says so.",
}

export default function App() {
  const { state, open, reset } = useCheckout(checkout)
  return (
    <View style={styles.page}>
      <Text style={styles.title}>Olive wood bowl</Text>
      <Screen state={state} buy={() => open(BOWL)} again={reset} />
    </View>
  )
}

function Screen({ state, buy, again }: { state: CheckoutState; buy(): void; again(): void }) {
  switch (state.phase) {
    case 'idle':
      return <Button title="Buy" onPress={buy} />
    case 'opening':
      return <Text>One moment …</Text>
    case 'waiting': {
      // Android's browser doesn't say when it closes.
      const { waiting, isChecking, message } = state
      return (
        <View>
          <Text>{isChecking ? 'We are asking …' : (message ?? 'Pay in the browser, then come back.')}</Text>
          <Button title="I have paid" onPress={waiting.paid} />
          <Button title="Not now" onPress={waiting.cancel} />
        </View>
      )
    }
    case 'done':
      return (
        <View>
          <Text>{TITLES[state.outcome.result]}</Text>
          {state.outcome.message ? <Text>{state.outcome.message}</Text> : null}
          <Button title="Back to the shop" onPress={again} />
        </View>
      )
    case 'refused':
      return (
        <View>
          <Text>{state.error instanceof Error ? state.error.message : 'It could not be opened.'}</Text>
          <Button title="Try again" onPress={again} />
        </View>
      )
  }
}

const styles = StyleSheet.create({
  page: { flex: 1, justifyContent: 'center', padding: 24, gap: 16 },
  title: { fontSize: 22 },
})
