// Polls verify with growing delays until the payment is final, and shows only the server's words. Tells the shop's page that
// opened this one that the buyer is back, and opens the app that the checkout was opened from.
(function () {
  "use strict";
  var title = document.getElementById("title");
  var message = document.getElementById("message");
  var session = message.dataset.session;
  var intent = message.dataset.intent;
  var resource = (session ? "/v1/checkout_sessions/" : "/v1/payment_intents/") + encodeURIComponent(session || intent);
  var titles = {
    pending: "Your payment is still being confirmed",
    processing: "Your payment is on its way",
    authorized: "Thank you, your order is confirmed",
    paid: "Thank you, your payment is confirmed",
    refund_due: "Your money is going back",
    refunded: "Your money has been refunded",
    cancelled: "This order was cancelled",
    cancelled_sold_out: "Sold out",
    expired: "This checkout has expired",
    failed: "The payment failed"
  };
  var unsettled = { pending: true, refund_due: true };
  var delay = 1000;

  // Whoever hears it believes nothing of it, and asks us. The browser delivers it to the named origins alone.
  function tell() {
    var news = { type: "souk.checkout", page: message.dataset.page };
    news[session ? "session_id" : "payment_intent"] = session || intent;
    if (window.opener) {
      message.dataset.origins.split(" ").forEach(function (origin) {
        window.opener.postMessage(news, origin);
      });
    }
    if (window.BroadcastChannel) {
      new BroadcastChannel("souk.checkout").postMessage(news);
    }
  }

  function openApp() {
    var link = document.getElementById("app");
    if (link) {
      location.href = link.href;
    }
  }

  function again() {
    if (delay > 60000) {
      return;
    }
    setTimeout(ask, delay);
    delay = Math.round(delay * 1.7);
  }

  function show(answer) {
    var known = titles[answer.status];
    if (answer.status === "refund_due" && answer.disputed) {
      known = "Your bank decides about your money";
    } else if (answer.refund_failed) {
      known = "Your refund failed";
    } else if (answer.seller_disconnected && ["pending", "processing", "authorized"].indexOf(answer.status) >= 0) {
      known = "Your payment can't be confirmed here";
    }
    title.textContent = known || title.textContent;
    title.className = answer.success ? "good" : "";
    message.textContent = answer.message;
    document.title = title.textContent;
    list(answer.orders);
    // An intent that was declined waits for another try.
    var again = document.getElementById("again");
    if (again) {
      again.hidden = answer.status !== "pending";
    }
  }

  // What became of each order, where one payment has paid for several.
  function list(orders) {
    var old = document.getElementById("orders");
    if (old) {
      old.remove();
    }
    if (orders.length < 2) {
      return;
    }
    var items = document.createElement("ul");
    items.id = "orders";
    orders.forEach(function (order) {
      var item = document.createElement("li");
      item.textContent = order.message;
      items.appendChild(item);
    });
    message.after(items);
  }

  function isUnsettled(answer) {
    return answer.orders.some(function (order) {
      return unsettled[order.status];
    });
  }

  function ask() {
    fetch(resource + "/verify", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}"
    })
      .then(function (response) {
        if (!response.ok) {
          throw new Error(String(response.status));
        }
        return response.json();
      })
      .then(function (answer) {
        show(answer);
        if (isUnsettled(answer)) {
          again();
        }
      })
      .catch(function () {
        message.textContent =
          "We can't reach the shop at the moment. If you have paid, your payment is safe; this page keeps trying.";
        again();
      });
  }

  // Stripe adds an intent's client secret to this page's address, where it would stay in the history.
  function forget() {
    var url = new URL(location.href);
    if (url.searchParams.has("payment_intent_client_secret")) {
      url.searchParams.delete("payment_intent_client_secret");
      history.replaceState(null, "", url);
    }
  }

  forget();
  tell();
  ask();
  openApp();
})();
