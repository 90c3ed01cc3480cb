// Tells the page around this frame that the customer is done here, and where they would go.
(function () {
  'use strict'
  const { url } = document.currentScript.dataset
  window.parent.postMessage({ type: 'simulator.done', url: url || null }, '*')
})()
