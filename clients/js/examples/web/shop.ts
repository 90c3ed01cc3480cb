// A shop of one page. `esbuild --bundle shop.ts --outfile=shop.js --format=esm`, and any server of files: its origin stands in
// the Souk server's ALLOWED_REDIRECT_ORIGINS.
import { SoukClient } from '@souk/client'
import { createCheckout, type Outcome, type Place, type Result } from '@souk/client/checkout'

const server = new URLSearchParams(location.search).get('souk') ?? 'http://127.0.0.1:8080'
const souk = new SoukClient({ url: server, storage: localStorage })
const checkout = createCheckout(souk)

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

const said = document.getElementById('result') as HTMLElement

function show(outcome: Outcome | null) {
  if (!outcome) return
  said.dataset['result'] = outcome.result
  said.textContent = `${TITLES[outcome.result]} ${outcome.message ?? ''}`
}

for (const place of ['same', 'tab', 'popup'] satisfies Place[]) {
  document.getElementById(place)?.addEventListener('click', () => {
    delete said.dataset['result']
    said.textContent = 'One moment …'
    checkout.open(BOWL, { in: place }).then(show, (error: Error) => {
      said.dataset['result'] = 'refused'
      said.textContent = error.message
    })
  })
}

// What was open when this page was left.
checkout.resume().then(show)
