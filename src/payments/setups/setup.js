// Tells the shop's page that opened this one that the buyer is back, and opens the app that the card was saved from. What became of
// the card is in the page already.
(function () {
  "use strict";
  var data = document.getElementById("message").dataset;

  // Whoever hears it believes nothing of it, and asks us. The browser delivers it to the named origins alone.
  function tell() {
    var news = { type: "souk.setup", page: data.page };
    if (data.session) {
      news.session_id = data.session;
    }
    if (data.setup) {
      news.setup_intent = data.setup;
    }
    if (window.opener) {
      data.origins.split(" ").forEach(function (origin) {
        window.opener.postMessage(news, origin);
      });
    }
    if (window.BroadcastChannel) {
      new BroadcastChannel("souk.setup").postMessage(news);
    }
  }

  // Stripe adds the setup intent's client secret to this page's address, where it would stay in the history.
  function forget() {
    var url = new URL(location.href);
    if (url.searchParams.has("setup_intent_client_secret")) {
      url.searchParams.delete("setup_intent_client_secret");
      history.replaceState(null, "", url);
    }
  }

  // Once: the page may look again by itself.
  function openApp() {
    var link = document.getElementById("app");
    if (link && data.tries === "0") {
      location.href = link.href;
    }
  }

  forget();
  tell();
  openApp();
})();
