// Has a payment intent paid by Stripe.js: the bank's question is answered, or another card is taken. What became of it is the return
// page's to say, which asks the server.
(function () {
  "use strict";
  var byId = document.getElementById.bind(document);
  var title = byId("title");
  var message = byId("message");
  var confirm = byId("confirm");
  var other = byId("other");
  var form = byId("form");
  var submit = byId("submit");
  var state = message.dataset.state;
  var page, stripe, elements;

  function say(text, isBad) {
    message.textContent = text;
    message.className = isBad ? "bad" : "";
  }

  function leave() {
    location.replace(page.return_url);
  }

  function busy(isBusy) {
    confirm.disabled = submit.disabled = isBusy;
    byId("pay").setAttribute("aria-busy", String(isBusy));
  }

  // Runs a call of Stripe.js. A refusal is said, and the buyer may try again on the same intent.
  function run(call) {
    busy(true);
    say("One moment, please.");
    call().then(
      function (result) {
        if (!result.error) {
          leave();
          return;
        }
        var words = result.error.message || "That didn't succeed.";
        return look().then(function () {
          say(words, true);
          busy(false);
        });
      },
      function () {
        say("Your bank can't be reached from this page at the moment. Load the page again.", true);
        busy(false);
      }
    );
  }

  function params() {
    return { return_url: page.return_url };
  }

  // The card that was tried while the buyer wasn't there, if the bank only wants to see them.
  function waitingCard(intent) {
    var failed = intent.last_payment_error;
    var method = failed && failed.payment_method;
    var isAsked = failed && (failed.code === "authentication_required" || failed.decline_code === "authentication_required");
    return isAsked && method && method.customer && method.card ? method : null;
  }

  // Offers what the intent's state allows.
  function offer(intent) {
    var saved = waitingCard(intent);
    var isWaiting = intent.status === "requires_action";
    confirm.hidden = !isWaiting && !saved;
    if (isWaiting) {
      confirm.textContent = "Confirm the payment with your bank";
      confirm.onclick = function () {
        run(function () {
          return stripe.handleNextAction({ clientSecret: page.client_secret });
        });
      };
    } else if (saved) {
      confirm.textContent = "Confirm with the card ending in " + saved.card.last4;
      confirm.onclick = function () {
        run(function () {
          return stripe.confirmCardPayment(page.client_secret, { payment_method: saved.id, return_url: page.return_url });
        });
      };
    }
    if (confirm.hidden) {
      other.open = true;
    }
    other.querySelector("summary").hidden = confirm.hidden;
    byId("pay").hidden = false;
  }

  // Asks Stripe how the intent is, and leaves if there is nothing to do.
  function look() {
    return stripe.retrievePaymentIntent(page.client_secret).then(function (found) {
      if (found.error) {
        throw new Error(found.error.message);
      }
      var intent = found.paymentIntent;
      if (["succeeded", "processing", "requires_capture", "canceled"].indexOf(intent.status) >= 0) {
        leave();
        return new Promise(function () {});
      }
      offer(intent);
    });
  }

  function start(found) {
    page = found;
    if (!page.client_secret) {
      leave();
      return;
    }
    stripe = window.Stripe(page.publishable_key, { stripeAccount: page.stripe_account });
    elements = stripe.elements({ clientSecret: page.client_secret });
    elements.create("payment").mount("#element");
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      run(function () {
        return stripe.confirmPayment({ elements: elements, confirmParams: params(), redirect: "if_required" });
      });
    });
    return look();
  }

  function fail() {
    title.className = "";
    say("The payment can't be opened at the moment, and nothing was charged. Load the page again in a while.", true);
  }

  if (!window.Stripe) {
    say("Stripe's part of this page was not loaded, and nothing was charged. Check your connection and what blocks scripts, and load the page again.", true);
    return;
  }
  fetch("/checkout/pay", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ state: state })
  })
    .then(function (response) {
      if (!response.ok) {
        throw new Error(String(response.status));
      }
      return response.json();
    })
    .then(start)
    .catch(fail);
})();
