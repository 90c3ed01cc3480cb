/** `useCheckout`, for React and React Native. */

import { useCallback, useEffect, useState } from 'react'

import type { Checkout, CheckoutRequest, OpenOptions, Outcome, Waiting, WaitingUi } from './flow.js'

/** What is on the screen. */
export type CheckoutState =
  | { phase: 'idle' }
  | { phase: 'opening' }
  /** The payment page is open elsewhere: show `waiting.paid` and `waiting.cancel` as buttons, and a link to `waiting.url`. */
  | { phase: 'waiting'; waiting: Waiting; isChecking: boolean; message: string | null }
  | { phase: 'done'; outcome: Outcome }
  /** It could not be opened, and nothing was charged. */
  | { phase: 'refused'; error: unknown }

export interface UseCheckout<O> {
  state: CheckoutState
  /** Call it within the buyer's click. */
  open(request: CheckoutRequest, options?: O): Promise<void>
  /** Back to `idle`. */
  reset(): void
}

/** A checkout as a component's state. What was open when the app or page was left is looked at when the component appears. */
export function useCheckout<O extends OpenOptions>(checkout: Checkout<O>): UseCheckout<O> {
  const [state, set] = useState<CheckoutState>({ phase: 'idle' })

  useEffect(() => {
    const show = (outcome: Outcome | null) => {
      // Whoever has clicked meanwhile isn't shown what was before.
      if (outcome) set((before) => (before.phase === 'idle' ? { phase: 'done', outcome } : before))
    }
    checkout.resume().then(show, () => {})
  }, [checkout])

  const open = useCallback(
    async (request: CheckoutRequest, options?: O) => {
      const ui: WaitingUi = (waiting) => {
        set({ phase: 'waiting', waiting, isChecking: false, message: null })
        return {
          update: (said) => set((before) => (before.phase === 'waiting' ? { ...before, ...said } : before)),
          close: () => {},
        }
      }
      set((before) => (before.phase === 'waiting' ? before : { phase: 'opening' }))
      try {
        set({ phase: 'done', outcome: await checkout.open(request, { ui, ...options } as O) })
      } catch (error) {
        set({ phase: 'refused', error })
      }
    },
    [checkout],
  )
  const reset = useCallback(() => set({ phase: 'idle' }), [])
  return { state, open, reset }
}
