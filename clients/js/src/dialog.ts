/** The small dialog that is shown while the payment page is open elsewhere. */

import type { WaitingUi } from './flow.js'

export interface DialogTexts {
  title: string
  waiting: string
  blocked: string
  checking: string
  link: string
  paid: string
  cancel: string
}

const ENGLISH: DialogTexts = {
  title: 'Pay in the other window',
  waiting: 'This page goes on by itself once you have paid.',
  blocked: 'Your browser opened no window. The link leads to the payment page.',
  checking: 'One moment, we are asking …',
  link: 'Open the payment page',
  paid: 'I have paid',
  cancel: 'Back to the shop',
}

/** A `<dialog class="souk-checkout">`, with your own words if you like. It sets no styles, so that it fits the strictest policy. */
export function dialog(words: Partial<DialogTexts> = {}): WaitingUi {
  const texts = { ...ENGLISH, ...words }
  return ({ url, isBlocked, paid, cancel }) => {
    const box = add(document.body, 'dialog')
    box.className = 'souk-checkout'
    const title = add(box, 'h2', texts.title)
    title.id = 'souk-checkout-title'
    box.setAttribute('aria-labelledby', title.id)
    const idle = isBlocked ? texts.blocked : texts.waiting
    const said = add(box, 'p', idle)
    said.setAttribute('role', 'status')
    const link = add(add(box, 'p'), 'a', texts.link)
    link.href = url
    link.target = '_blank'
    // Its return page tells us that the buyer is back.
    link.rel = 'opener'
    const buttons = add(box, 'p')
    add(buttons, 'button', texts.paid).onclick = paid
    add(buttons, 'button', texts.cancel).onclick = cancel
    // The Escape key.
    box.oncancel = (event) => {
      event.preventDefault()
      cancel()
    }
    box.showModal()
    return {
      update: ({ isChecking, message }) => {
        said.textContent = isChecking ? texts.checking : (message ?? idle)
      },
      close: () => box.remove(),
    }
  }
}

function add<K extends keyof HTMLElementTagNameMap>(to: HTMLElement, name: K, text = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(name)
  element.textContent = text
  to.append(element)
  return element
}
