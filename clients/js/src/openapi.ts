// Made from openapi.yaml by scripts/types.mjs; npm run types makes it anew.

export interface paths {
    "/v1/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register
         * @description Makes a user with the role `member` and logs them in. A member may buy, and may own sellers.
         *     The address is compared without regard to case.
         */
        post: operations["register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description Exchanges an e-mail address and password for a short-lived access token and a refresh token. An
         *     unknown address and a wrong password get the same answer. Too many tries slow you down; they
         *     never lock the account.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew the access token
         * @description Exchanges a refresh token for a new pair. A refresh token works once: using it a second time
         *     ends every session that descends from it, since one of its two holders is a thief.
         */
        post: operations["refreshTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log out
         * @description Ends the session that the access token belongs to, at once, with its refresh token. Takes no body.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read yourself
         * @description The user whose token this is.
         */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change your name
         * @description Changes the fields that are sent and leaves the others.
         */
        patch: operations["updateMe"];
        trace?: never;
    };
    "/v1/sellers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sellers
         * @description The sellers you own, newest first. An admin sees all of them and may narrow to one owner.
         */
        get: operations["listSellers"];
        put?: never;
        /**
         * Create a seller
         * @description Makes a seller owned by you, and its connected account at Stripe (`POST /v1/accounts` with
         *     `controller` properties: with the `full` dashboard Stripe carries losses and the seller pays Stripe's
         *     fees; with `express`, if the server is set up so, the platform does both). The seller can't take
         *     money yet: send the owner to an onboarding link next.
         */
        post: operations["createSeller"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        /**
         * Read a seller
         * @description Anybody may read a seller's name and whether it can be bought from. The owner and admins read all
         *     of it. `status` is derived from the Stripe account's own fields (`charges_enabled`,
         *     `payouts_enabled`, `details_submitted`, `requirements`); only a seller with `charges_enabled` can be
         *     bought from.
         */
        get: operations["getSeller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a seller
         * @description Changes the fields that are sent. `metadata` is merged key by key, as at Stripe; an empty string
         *     removes a key. The name goes to Stripe, too, whose payment page shows it. The application fee is set by an admin; null goes back to the platform's default.
         *     It applies to checkouts opened from then on.
         */
        patch: operations["updateSeller"];
        trace?: never;
    };
    "/v1/sellers/{id}/onboarding_links": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an onboarding link
         * @description Makes a Stripe account link (`POST /v2/core/account_links`, or `POST /v1/account_links` for
         *     accounts of v1). Send the owner's browser to `url` at once: it works one time and only for some
         *     minutes, and must not be mailed or stored. Stripe sends the browser back to `/onboarding/return`,
         *     which reads the account again and goes on to `return_url`, if given; or to `/onboarding/refresh`
         *     when the link no longer works. Coming back proves nothing: ask for the seller's status.
         */
        post: operations["createOnboardingLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/dashboard_links": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link to the Express dashboard
         * @description Makes a Stripe login link (`POST /v1/accounts/{id}/login_links`). These exist only for accounts
         *     with the Express dashboard; a seller with the full dashboard logs in at dashboard.stripe.com, and
         *     one with none (`white_label`) has the platform's own pages.
         */
        post: operations["createDashboardLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/account_sessions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a session for Stripe's embedded components
         * @description Makes a Stripe account session (`POST /v1/account_sessions`), by which your own page shows Stripe's
         *     components to the seller. Hand `client_secret` to Stripe's script in the owner's browser at once:
         *     whoever has it can act as the seller until `expires_at`. It is never stored or logged. A seller
         *     whose charge profile is `marketplace` has no components for disputes and taxes.
         */
        post: operations["createAccountSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Read the account again
         * @description Reads the account from Stripe now (`GET /v2/core/accounts/{id}`, or `/v1`) and answers with what is true. Rarely
         *     needed: `account.updated` events keep the seller fresh. Where Stripe no longer lets us read the
         *     account, the seller becomes `deauthorized`.
         */
        post: operations["syncSeller"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/requirements": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        /**
         * Read what Stripe still wants
         * @description What Stripe still wants of the account, as it last said, in one shape for accounts of v1 and v2; each with a sentence for the seller.
         */
        get: operations["getSellerRequirements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sellers/{id}/balance": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        /**
         * Read the balance at Stripe
         * @description Read from Stripe at this moment (`GET /v1/balance` on the seller's account). `pending` becomes
         *     `available` as Stripe settles. A seller whose account isn't made yet has an empty balance.
         */
        get: operations["getSellerBalance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/onboarding/return": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where Stripe sends the seller after onboarding
         * @description The `return_url` of the account link. Coming back proves nothing, so the page reads the account
         *     again and says what is true: ready, being checked, or what is still wanted. When Stripe can't be
         *     reached it says so and shows what was last known. A link that was asked for with a `return_url`
         *     goes on to that page instead.
         */
        get: operations["onboardingReturn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/onboarding/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where Stripe sends the seller when a link no longer works
         * @description The `refresh_url` of the account link. Shows a login form, since a new link lets its holder fill in the seller's details.
         */
        get: operations["onboardingRefreshForm"];
        put?: never;
        /**
         * Log in and go on with onboarding
         * @description What the form sends. The right owner (or an admin) goes straight on to a fresh account link;
         *     anyone else sees the form again.
         */
        post: operations["onboardingRefresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List products
         * @description The shop window, newest first: active products, of one seller or of all. Products of sellers who
         *     can't take payments at the moment are shown only to their seller's owner and to admins, and so are
         *     archived ones, with `status=archived`. `purchasable` says whether a product can be bought now.
         */
        get: operations["listProducts"];
        put?: never;
        /**
         * Create a product
         * @description Lists a product of one of your sellers. `unit_amount` may be below Stripe's smallest charge in that
         *     currency (see Stripe's page "Supported currencies"; 50 for `usd`), but an order may not. It is null for
         *     something that isn't sold once, but by its recurring prices (`POST /v1/prices`), which are in the
         *     product's currency, too. Leave `stock` out, or null, for something that never runs out.
         */
        post: operations["createProduct"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        /**
         * Read a product
         * @description Anybody may read a product, an archived one too, so that old links and old orders still say what was sold.
         */
        get: operations["getProduct"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a product
         * @description For the seller's owner and admins. A new price applies to checkouts opened from then on; an
         *     archived product can't be bought, nor subscribed to. Stock is changed by stock adjustments, and the
         *     currency not at all. Where Stripe knows the product, since somebody has subscribed to a price of it,
         *     it is told the name and the status. `metadata` is merged key by key; an empty string removes a key.
         */
        patch: operations["updateProduct"];
        trace?: never;
    };
    "/v1/products/{id}/stock_adjustments": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        /**
         * List stock adjustments
         * @description Every change of a product's stock, newest first, sales included. For the seller's owner and admins.
         */
        get: operations["listStockAdjustments"];
        put?: never;
        /**
         * Adjust stock
         * @description Adds to a product's stock or takes from it, and says why. Stock is the sum of its adjustments, which are never changed or removed.
         */
        post: operations["createStockAdjustment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a product's prices
         * @description The recurring prices of a product, newest first. Anybody sees those that are active; of a product that is archived,
         *     or whose seller can't take payments at the moment, and archived ones, with `active=false`, only the seller's owner
         *     and admins see any.
         */
        get: operations["listPrices"];
        put?: never;
        /**
         * Create a recurring price
         * @description Lets a product of yours be sold again and again: `unit_amount` a piece and period, in the product's currency. A
         *     period has `recurring.interval_count` intervals and at most three years (3 years, 36 months, 156 weeks or 1095
         *     days). What a price costs and how often never changes, so that nobody who has subscribed pays another by
         *     surprise: make another price, and archive this one. Stripe learns of the price when somebody first subscribes.
         */
        post: operations["createPrice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The price.
                 * @example prc_01kas4c8f1g4h7
                 */
                id: components["parameters"]["PriceId"];
            };
            cookie?: never;
        };
        /**
         * Read a price
         * @description Anybody may read a price, an archived one too, so that old links and old subscriptions still say what was agreed.
         */
        get: operations["getPrice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a price
         * @description For the seller's owner and admins. Changes whether it is for sale, its name, its limits, its trial, and whether each period takes from
         *     stock; the rest never changes. All but the last counts for those who subscribe from then on. An archived price is archived at Stripe, too, where
         *     Stripe knows it.
         */
        patch: operations["updatePrice"];
        trace?: never;
    };
    "/v1/promotion_codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List promotion codes
         * @description One seller's codes, newest first, for its owner and admins. `seller_id` is required.
         */
        get: operations["listPromotionCodes"];
        put?: never;
        /**
         * Create a promotion code
         * @description Makes a code that buyers type on the hosted payment page, or that a checkout is given (a coupon and a promotion code on the
         *     seller's Stripe account). Give exactly one of `percent_off` and `amount_off`; with `amount_off`
         *     give its `currency`. A code of 100 % makes the order free.
         *
         *     `duration` says for how long it takes something off a subscription: its first invoice (`once`), those of
         *     `duration_in_months` months (`repeating`), or all (`forever`). What is sold once is taken off once. A
         *     purchase must come to `minimum_amount` before the code is taken off; with `first_time_transaction` it is for
         *     buyers who have paid the seller nothing before. Stripe asks the same on its page.
         */
        post: operations["createPromotionCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/promotion_codes/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask what a promotion code would take off
         * @description For a shop that shows the price with the code before a checkout is begun. Anybody may ask, of one seller's codes; what
         *     other sellers have is `unknown`. Give `lines`, as a checkout is given them, or `amount` and `currency`: of a
         *     subscription, those of a period. Nothing is held: the checkout asks again, and refuses for the same reasons. Send your
         *     token, if you have one: whether it is a first purchase is known only of those who are logged in.
         */
        post: operations["validatePromotionCode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/promotion_codes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The promotion code.
                 * @example pmc_01kas4h3j5k7l9
                 */
                id: components["parameters"]["PromotionCodeId"];
            };
            cookie?: never;
        };
        /**
         * Read a promotion code
         * @description For the seller's owner and admins.
         */
        get: operations["getPromotionCode"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Switch a promotion code on or off
         * @description Sets `active`, here and at Stripe. What a code gives can't be changed, as at Stripe; make another.
         */
        patch: operations["updatePromotionCode"];
        trace?: never;
    };
    "/v1/checkout_sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open a checkout
         * @description Makes an order from products of one seller and opens a Checkout Session for it, as a direct charge
         *     on the seller's account (Stripe's `POST /v1/checkout/sessions` with `mode=payment` and the
         *     `Stripe-Account` header). Prices and the application fee come from our database. Stock is looked at
         *     now and taken only when the payment is confirmed.
         *
         *     Where the buyer pays is `ui_mode`. With `hosted_page` send them to `url`. With `embedded_page`
         *     (Stripe's page in a frame of yours) or `elements` (Stripe's fields in your own form) give
         *     `publishable_key`, `stripe_account` and `client_secret` to Stripe.js.
         *
         *     A `promotion_code` is taken off at once (Stripe's `discounts`), and the application fee is then of
         *     what is left. Without one the buyer may enter a code on the payment page.
         *
         *     Guests send no token but a `customer_email`, and get an `order_secret`: keep it, it is the only
         *     proof that the order is theirs. With a `Guest-Token` they pay as the customer of that address, if
         *     they have saved something with this seller or do so now; another `customer_email` is 422. Redirect addresses must be on an origin that the server's settings
         *     allow (`ALLOWED_REDIRECT_ORIGINS`), or have an app's scheme that they allow (`ALLOWED_APP_SCHEMES`);
         *     `{CHECKOUT_SESSION_ID}` in them is filled in by Stripe.
         */
        post: operations["createCheckoutSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/checkout_sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        /**
         * Read a checkout
         * @description The buyer, the guest with the order secret, the seller's owner and admins see the whole session;
         *     anybody else who knows its id sees only its status. Use `verify` after a payment. Reads our database
         *     and asks Stripe nothing, except where the buyer pays in a page of yours: while the session is open
         *     they get its `client_secret`, which is read from Stripe each time and never kept.
         */
        get: operations["getCheckoutSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/checkout_sessions/{id}/expire": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Expire a checkout
         * @description Closes an open session, so that it can no longer be paid (Stripe's
         *     `POST /v1/checkout/sessions/{id}/expire`). For the buyer, the guest with the order secret, the
         *     seller's owner and admins. If Stripe says that it has been paid meanwhile, the payment is confirmed
         *     instead and the answer is 409.
         */
        post: operations["expireCheckoutSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/checkout_sessions/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find out whether a checkout is paid
         * @description The second of two confirmations, beside the webhook. While the payment is still open this asks
         *     Stripe, at most once in two seconds for one payment, and confirms by the same rule as the webhook;
         *     whichever comes first wins, and the answer is the same. Safe to repeat: call it when the buyer
         *     comes back, and again with growing delays until `status` is neither `pending` nor `processing`.
         *     Anybody may ask; only the buyer, the guest with the order secret, the seller's owner and admins see
         *     the order.
         */
        post: operations["verifyCheckoutSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List payment intents
         * @description The intents that you opened, newest first; with `seller_id`, those of a seller you own. An admin sees all. No
         *     list has a `client_secret`.
         */
        get: operations["listPaymentIntents"];
        put?: never;
        /**
         * Open a payment for a page of your own
         * @description Makes an order from products of one seller and opens a payment intent for it, as a direct charge on
         *     the seller's account (Stripe's `POST /v1/payment_intents` with the `Stripe-Account` header and
         *     `automatic_payment_methods`). Give `publishable_key`, `stripe_account` and `client_secret` to
         *     Stripe.js. Prices and the application fee come from our database. Stock is looked at now and taken
         *     only when the payment is confirmed.
         *
         *     A checkout session does more, and leaves less to get wrong: promotion codes and Stripe's own page
         *     come with it alone. An intent that nobody pays within 24 hours is canceled.
         *
         *     Guests send no token but a `customer_email`, and get an `order_secret`: keep it, it is the only
         *     proof that the order is theirs. With a `Guest-Token` they pay as the customer of that address, if
         *     they have saved something with this seller or do so now; another `customer_email` is 422.
         */
        post: operations["createPaymentIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        /**
         * Read a payment intent
         * @description For the buyer, the guest with the order secret, the seller's owner and admins. While it is open the
         *     buyer gets its `client_secret`, which is read from Stripe each time and never kept.
         */
        get: operations["getPaymentIntent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Confirm a payment intent on the server
         * @description Pays an open intent with what the buyer entered on your page, which Stripe.js has put into a confirmation token
         *     (Stripe's `POST /v1/payment_intents/{id}/confirm` with `confirmation_token`). For the buyer and the guest with the
         *     order secret. If the bank declines, the answer has `last_error`, and another token may follow. If the bank wants to
         *     see the buyer, it has `next_action`: give the `client_secret` to `stripe.handleNextAction`, or send the buyer to
         *     `url`. Then verify. The same token charges once, however often it is sent.
         */
        post: operations["confirmPaymentIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find out whether a payment intent is paid
         * @description As of a checkout session: the same confirm as the webhook's, at most one question to Stripe in two
         *     seconds. While the last try was declined, `message` tells the buyer why, in words that help.
         */
        post: operations["verifyPaymentIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a payment intent
         * @description Closes an open intent, so that it can no longer be paid (Stripe's
         *     `POST /v1/payment_intents/{id}/cancel`), and ends its order. Money that is held is released, and the goods go
         *     back to stock; that only the seller's owner and admins may do, also with the intent of a Checkout Session. For the buyer, the guest with the order
         *     secret, the seller's owner and admins. If Stripe says that it has been paid meanwhile, the payment is
         *     confirmed instead and the answer is 409.
         */
        post: operations["cancelPaymentIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_intents/{id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Capture held money
         * @description Takes money that is held, of an intent or a Checkout Session with `capture_method: manual`, whole or in part (Stripe's
         *     `POST /v1/payment_intents/{id}/capture`). The rest is released; the application fee is taken in proportion. For
         *     the seller's owner and admins. The same capture again answers what became of the first. If Stripe doesn't answer, a job
         *     repeats it, and so may you.
         */
        post: operations["capturePaymentIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkout/success": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The page a buyer comes back to after paying
         * @description The default `success_url`, and a `return_url` for payment intents. It verifies with growing delays and says what is
         *     true: confirmed, still being confirmed, failed, or refunded and why. Stripe adds `payment_intent`,
         *     `payment_intent_client_secret` and `redirect_status` to a `return_url`: of these only the id is read.
         */
        get: operations["checkoutSuccessPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkout/cancelled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The page a buyer comes back to without paying
         * @description The default `cancel_url`. With the payment's id, which is in that address, or the session's it
         *     verifies too, and says what became of the payment. Both return pages tell the page that opened them
         *     (`postMessage` to the allowed origins): `{type: "souk.checkout", session_id, page}`, where `page` is
         *     `success` or `cancelled`, and of a payment intent `payment_intent` in place of `session_id`. Verify on hearing it; it
         *     proves nothing.
         */
        get: operations["checkoutCancelledPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkout/pay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The page where a buyer pays a payment intent
         * @description For a bank that wants to see its customer, and for another card after a decline. The mail about a charge on a saved
         *     card that needs its buyer leads here. It loads Stripe.js, which asks the bank's question, and ends at
         *     `/checkout/success`. Whoever has its address may pay, for as long as the payment waits.
         */
        get: operations["paymentPage"];
        put?: never;
        /**
         * What Stripe.js needs on that page
         * @description For the page's script. The client secret is read from Stripe each time and never kept.
         */
        post: operations["openPaymentPage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/address_verifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a code mailed to an address
         * @description Mails a code of eight digits to an address, by which somebody proves that it is theirs. The answer is the same
         *     whoever's the address is, and whether or not anybody has registered with it. The code lives for 15 minutes. Three
         *     codes are mailed to an address in 15 minutes, then it is 429.
         */
        post: operations["createAddressVerification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/address_verifications/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The verification of an address.
                 * @example avr_01kas5c3d4e5f6
                 */
                id: components["parameters"]["AddressVerificationId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prove an address by its code
         * @description Five codes may be tried. A guest gets a `guest_token`, by which they save cards and tax ids and use them again; it is
         *     told once and lives for an hour. Prove the address again for another: what was saved is there.
         *
         *     Send your access token to have the address that you registered with noted as proved (`email_verified_at`). What you
         *     saved with it as a guest is yours from then on, but for sellers with whom you have saved something as yourself: there
         *     it stays the guest's. There is no `guest_token` then.
         */
        post: operations["confirmAddressVerification"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the customers of a seller
         * @description The buyers who have saved something with a seller of yours, newest first.
         */
        get: operations["listCustomers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read yourself as a seller's customer
         * @description What you are called and billed as with this seller. There is one of you for each seller, made when you first
         *     save something there or change it here; before that the answer is 404.
         */
        get: operations["getMyCustomer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change yourself as a seller's customer
         * @description Changes the fields that are sent. `metadata` is merged key by key, as at Stripe; an empty string removes a key;
         *     null removes the others. Stripe is told afterwards, and what is changed there comes back here. Should Stripe
         *     refuse a change, it is undone.
         */
        patch: operations["updateMyCustomer"];
        trace?: never;
    };
    "/v1/customers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The customer.
                 * @example ctm_01kas5a1b2c3d4
                 */
                id: components["parameters"]["CustomerId"];
            };
            cookie?: never;
        };
        /**
         * Read a customer
         * @description For the buyer, the seller's owner and admins.
         */
        get: operations["getCustomer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tax_ids": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a tax id
         * @description Gives you a tax id with a seller, which Stripe shows on their invoices for you (Stripe's
         *     `POST /v1/customers/{customer}/tax_ids`). Stripe looks at the number at once, and its refusal is the answer:
         *     422 `tax_id_invalid`. Afterwards it asks the tax authority about some types, and `verification` follows.
         *     One that you have with the seller already is answered as it is, however it is written; no second one is made.
         */
        post: operations["createTaxId"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tax_ids/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The tax id.
                 * @example txd_01kas5t6v8w0x2
                 */
                id: components["parameters"]["TaxIdId"];
            };
            cookie?: never;
        };
        /**
         * Read a tax id
         * @description For its buyer alone. All of a customer's are in the customer.
         */
        get: operations["getTaxId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tax_ids/{id}/remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The tax id.
                 * @example txd_01kas5t6v8w0x2
                 */
                id: components["parameters"]["TaxIdId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remove a tax id
         * @description Takes it from you (Stripe's `DELETE /v1/customers/{customer}/tax_ids/{id}`). From then on it is 404. For its buyer
         *     alone.
         */
        post: operations["removeTaxId"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List subscriptions
         * @description Your own, or with `seller_id` those with a seller of yours; newest first.
         */
        get: operations["listSubscriptions"];
        put?: never;
        /**
         * Subscribe on a page of your own
         * @description Makes an order of the first period, and a subscription at Stripe (`POST /v1/subscriptions` with
         *     `payment_behavior=default_incomplete` on the seller's account) whose first invoice you pay with Stripe.js: give
         *     `client_secret` to its elements. `client_secret_of` says what it is of. A trial needs no payment: its order comes to nothing and is
         *     paid at once, and the card is given by a setup intent. The subscription is `incomplete` until it is paid, and is over
         *     (`incomplete_expired`) if nobody pays it in 23 hours.
         *
         *     Prices, codes, application fee and stock are as of a checkout of `mode=subscription`. `GET /v1/subscriptions/{id}` tells the
         *     `client_secret` again; `POST …/verify` what is true after the payment.
         */
        post: operations["createSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        /**
         * Read a subscription
         * @description What Stripe last said of it. For its buyer, its seller and admins. Of a checkout it exists once that is complete. While its
         *     buyer still has something to confirm, they get the `client_secret`, which is read from Stripe each time.
         */
        get: operations["getSubscription"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/access": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        /**
         * Ask whether a subscription entitles its buyer
         * @description Whether what was subscribed to may be used now, until when, and why. A renewal may be unpaid for the seller's
         *     `subscription_grace_days`. For its buyer, its seller and admins.
         */
        get: operations["getSubscriptionAccess"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Preview a change
         * @description What another price or quantity would cost, as Stripe reckons it: what is charged at once, and what the renewal
         *     comes to, with the lines for the rest of the present period. Nothing is changed. Send the `proration_date` with the
         *     change, within the hour, and it costs what was shown. For its buyer, its seller and admins.
         */
        post: operations["previewSubscriptionChange"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/change": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change plan or quantity
         * @description Another price of the same seller in the same currency, or another quantity (Stripe's `POST /v1/subscriptions/{id}`).
         *     `proration_behavior` says how the rest of the period is billed: with the renewal, at once, or not at all. Another
         *     period begins at once and is charged whole. What is charged at once changes the subscription only when it is paid:
         *     until then `pending_update` shows it, and `POST …/pay` pays it. For its buyer and admins: nobody else moves a
         *     subscriber to another price.
         */
        post: operations["changeSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/pay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pay the open invoice
         * @description Tries to have the latest invoice of a subscription paid while its buyer is there: a renewal that was declined, or what a
         *     change or a resumption waits for. A `payment_method` of theirs pays the later ones, too. A decline is no error: `status` says
         *     what the invoice waits for. With `requires_action` the bank wants the buyer, who confirms the payment on
         *     `hosted_invoice_url`, a page of Stripe's. For its buyer alone.
         */
        post: operations["paySubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause a subscription
         * @description It entitles nobody and isn't billed until it is resumed (Stripe's `POST /v1/subscriptions/{id}/pause`). What is unused
         *     of the paid period comes off the first invoice after that. One that is paused is answered as it is. For its buyer, its
         *     seller and admins.
         */
        post: operations["pauseSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a subscription
         * @description It ends with the period that is paid (Stripe's `cancel_at_period_end`), or at once with `at_period_end: false`;
         *     nothing is given back by that. One that has ended is answered as it is. For its buyer, its seller and admins.
         */
        post: operations["cancelSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume a subscription
         * @description Takes back that it is to end with its period. Of one that is paused a new period begins, and its payment method is
         *     charged (Stripe's `POST /v1/subscriptions/{id}/resume`): until that is paid it stays `paused`, and `POST …/pay` pays it.
         *     For its buyer, its seller and admins.
         */
        post: operations["resumeSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List invoices
         * @description The invoices of your subscriptions, or with `seller_id` those of a seller of yours; admins see all; newest first. It
         *     comes from our own rows: Stripe's page and file are in the answer of one invoice alone.
         */
        get: operations["listInvoices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the invoice.
                 * @example in_1SouK7Second
                 */
                id: components["parameters"]["InvoiceId"];
            };
            cookie?: never;
        };
        /**
         * Read an invoice
         * @description For its buyer, its seller and admins. Stripe is asked for the links to its page and its file, which let whoever has
         *     them see and pay it; so they are stored nowhere. What Stripe says is taken over. While it doesn't answer, the links
         *     are null.
         */
        get: operations["getInvoice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/billing_portal_sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open Stripe's billing portal
         * @description A link to Stripe's page where a buyer changes and ends what they have subscribed to with a seller, sees its invoices
         *     and keeps their cards. For the buyer alone: whoever opens it acts as them. Each request makes another link. What is
         *     done there comes back by Stripe's events.
         */
        post: operations["createBillingPortalSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find out whether a subscription has begun
         * @description Whether its first order is paid, as of a checkout session: the same confirm as the webhook's, at most one question to Stripe
         *     in two seconds. Later periods are orders of their own.
         */
        post: operations["verifySubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products/{id}/access": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        /**
         * Ask whether you may use a product
         * @description By whichever of your subscriptions to it entitles you the longest.
         */
        get: operations["getProductAccess"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/off_session_payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Charge a saved card while its buyer isn't there
         * @description For the seller's owner and admins. Makes an order of the customer's, and charges a card that they have saved
         *     with a `mandate_text` (Stripe's `off_session`). The answer comes before the bank's: read the payment
         *     again. Where the bank wants to see the buyer, or the card's details are out of date, the buyer gets a mail,
         *     and pays the same payment intent themselves within 14 days. Otherwise a decline is tried again after one, two
         *     and three days, if Stripe advises it (`advice_code`). A card that the buyer removes is not charged any more.
         */
        post: operations["createOffSessionPayment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/off_session_payments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment.
                 * @example pay_01kas5c2n7x9z5
                 */
                id: components["parameters"]["OffSessionPaymentId"];
            };
            cookie?: never;
        };
        /**
         * Read a charge on a saved card
         * @description For the seller's owner and admins.
         */
        get: operations["getOffSessionPayment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_methods": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your saved cards
         * @description The payment methods that you have saved, newest first; with `seller_id` those with one seller. Each can be used
         *     with that seller alone. Only what tells one from another is kept here: Stripe has the rest.
         */
        get: operations["listPaymentMethods"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_methods/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        /**
         * Read a saved card
         * @description For its buyer alone.
         */
        get: operations["getPaymentMethod"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_methods/{id}/default": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a saved card the default
         * @description The default with its seller is what invoices are paid with, and charges while you aren't there (Stripe's
         *     `invoice_settings.default_payment_method`). For its buyer alone.
         */
        post: operations["makePaymentMethodDefault"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment_methods/{id}/detach": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remove a saved card
         * @description Takes it from you for good (Stripe's `POST /v1/payment_methods/{id}/detach`). From then on it is 404, and if it
         *     was the default there is none. For its buyer alone.
         */
        post: operations["detachPaymentMethod"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/setup_intents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Save a card without paying
         * @description Opens a setup intent on the seller's account (Stripe's `POST /v1/setup_intents`) for you as its customer. Give
         *     `publishable_key`, `stripe_account` and `client_secret` to Stripe.js. What it saves can be used with this seller
         *     alone. Log in, or prove your address and send a `Guest-Token`.
         *
         *     With a `mandate_text` the card may be charged while you aren't there. Send the words that you were shown and
         *     agreed to: they are kept with the time and where you were. An intent that nobody finishes within 24 hours is
         *     canceled.
         *
         *     With `ui_mode: hosted_page` the card is saved on Stripe's own page, at `url`. A buyer comes back to our own page
         *     (`/setup/return`) unless you give another.
         */
        post: operations["createSetupIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/setup_intents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        /**
         * Read a setup intent
         * @description For its buyer alone. While it is open there is a `client_secret`, which is read from Stripe each time and never kept.
         */
        get: operations["getSetupIntent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/setup_intents/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Find out whether the card is saved
         * @description Asks Stripe at most once in two seconds. For its buyer alone.
         */
        post: operations["verifySetupIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/setup_intents/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a setup intent
         * @description Closes an open one, so that nothing can be saved by it any more. For its buyer alone.
         */
        post: operations["cancelSetupIntent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup/return": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The page a buyer comes back to after saving a card
         * @description For a setup intent's `return_url` and the default `success_url` of Stripe's own page. It asks Stripe, and says what is true:
         *     saved, still being checked, declined or cancelled; while it isn't settled it looks again by itself (`Refresh`). Stripe
         *     adds `setup_intent`, `setup_intent_client_secret` and `redirect_status`: of these only the id is read. It leads back to
         *     the page or the app that the setup names, and tells the page that opened it (`postMessage` to the allowed origins):
         *     `{type: "souk.setup", setup_intent, session_id, page}`, where `page` is `return` or `cancelled`.
         */
        get: operations["setupReturnPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup/cancelled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The page a buyer comes back to without saving a card
         * @description The default `cancel_url` of Stripe's own page. It asks Stripe, too, and says what is true.
         */
        get: operations["setupCancelledPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List orders
         * @description The orders you bought, newest first; with `seller_id`, those of a seller you own. An admin sees all.
         */
        get: operations["listOrders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        /**
         * Read an order
         * @description For the buyer, the guest with the order secret, the seller's owner and admins.
         */
        get: operations["getOrder"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        /**
         * Read an order's timeline
         * @description What happened to the order and when, newest first. For whoever may read the order.
         */
        get: operations["listOrderEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/fulfil": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Mark an order as fulfilled
         * @description For the seller's owner and admins, once the goods are on their way. Fulfilling twice gives the same
         *     answer and changes nothing. While the buyer disputes the payment, or after they have won, it takes
         *     `despite_dispute`.
         */
        post: operations["fulfilOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel an order
         * @description For the buyer, the guest with the order secret, the seller's owner and admins, while the order is
         *     unpaid, or if it cost nothing and isn't fulfilled: its goods then come back to stock. Of an order whose money
         *     is held the seller's side alone, who releases it so, unless a shipment was sent. Asks Stripe to expire the payment page first; if Stripe says that it is complete, the
         *     payment is confirmed instead and the answer is 409. An order that ended without payment is answered
         *     as it is. For a paid order make a refund.
         */
        post: operations["cancelOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/shipments": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        /**
         * List an order's shipments
         * @description What was sent of the order, newest first, voided shipments too. For whoever may read the order.
         */
        get: operations["listShipments"];
        put?: never;
        /**
         * Record a shipment
         * @description For the seller's owner and admins, once goods of a paid order are on their way: all that is left, or the units of
         *     `lines`. An order can be sent in several parts, no unit of it twice, and none that was refunded by line. With
         *     `delivery_url` it is a digital delivery, whose link the buyer gets. The buyer is told by mail, once for each
         *     shipment. The shipment of the last goods fulfils the order. While the buyer disputes the payment, or after they
         *     have won, it takes `despite_dispute`.
         */
        post: operations["createShipment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shipments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        /**
         * Read a shipment
         * @description For whoever may read its order.
         */
        get: operations["getShipment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Correct a shipment
         * @description For the seller's owner and admins. A field that is left out stays, and null takes it away. What it said before stays
         *     in the audit log. Units are not corrected: void the shipment, and record another.
         */
        patch: operations["updateShipment"];
        trace?: never;
    };
    "/v1/shipments/{id}/deliver": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Record that a shipment arrived
         * @description For the seller's owner and admins, with when and what shows it. The buyer is told by mail, unless it is a digital
         *     delivery. Recording it twice gives the same answer and changes nothing.
         */
        post: operations["deliverShipment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shipments/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Void a shipment
         * @description For the seller's owner and admins, where something was recorded that was not sent so. Its units can be sent again, and
         *     an order that it fulfilled isn't fulfilled any more. Voiding twice gives the same answer and changes nothing.
         */
        post: operations["voidShipment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/notes": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        /**
         * List an order's notes
         * @description Newest first. For the seller's owner and admins.
         */
        get: operations["listOrderNotes"];
        put?: never;
        /**
         * Note something of an order
         * @description For the seller's owner and admins: a note, or a message with the buyer as it was. The buyer doesn't see it. It stays as
         *     it was written, and belongs to the evidence if the payment is disputed.
         */
        post: operations["createOrderNote"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        /**
         * List an order's files
         * @description Newest first, without their bytes. For the seller's owner and admins.
         */
        get: operations["listOrderFiles"];
        put?: never;
        /**
         * Keep a file with an order
         * @description For the seller's owner and admins: a PDF, JPEG or PNG file of at most 5 MB as the whole body, such as a message of the
         *     buyer or a proof of delivery. The buyer doesn't see it. An order has at most 20 files, which belong to the evidence if
         *     the payment is disputed. The same file is kept once: sending it again gives the same answer.
         */
        post: operations["createOrderFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/order_files/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file.
                 * @example ofl_01kas6d4p8r2t9
                 */
                id: components["parameters"]["OrderFileId"];
            };
            cookie?: never;
        };
        /**
         * Read what is known of a file
         * @description For the seller's owner and admins.
         */
        get: operations["getOrderFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/order_files/{id}/content": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file.
                 * @example ofl_01kas6d4p8r2t9
                 */
                id: components["parameters"]["OrderFileId"];
            };
            cookie?: never;
        };
        /**
         * Download a file
         * @description For the seller's owner and admins. It is sent to be saved, never to be shown by a browser.
         */
        get: operations["getOrderFileContent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List refunds
         * @description The refunds of orders you bought, newest first; with `seller_id`, those of a seller you own; with
         *     `order_id`, those of an order you may read. An admin sees all. Refunds made at Stripe are here too,
         *     with `origin` `stripe`.
         */
        get: operations["listRefunds"];
        put?: never;
        /**
         * Refund an order
         * @description Gives back what was paid for an order, all that is left or a part, with the application fee in
         *     proportion (Stripe's `refund_application_fee`). For the seller's owner and admins. The refund is
         *     recorded first, and then made once at Stripe, even if Stripe must be asked several times: follow
         *     `status`, which can still become `failed` or `blocked` later. With `lines` and no `amount` it returns what
         *     these units cost after discounts, to the cent over any series. With `restock` goods come back to stock
         *     once the refund has succeeded, or was settled outside Stripe: each unit once, and it stays there
         *     should the refund fail later.
         */
        post: operations["createRefund"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Preview a refund
         * @description What a refund would do: how much goes back, who funds it, what of the application fee comes back, and the balance
         *     that results, with a warning when it is negative. Takes the body of `POST /v1/refunds` and refuses what that
         *     refuses. Nothing is stored, and Stripe is asked for the balance only. For the seller's owner and admins.
         */
        post: operations["previewRefund"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a refund
         * @description Cancels a refund in `requires_action`: Stripe waits for the buyer to say where the money is to go. No other can be
         *     canceled (docs.stripe.com/api/refunds/cancel). A repetition answers the refund as it is. For the seller's owner and
         *     admins.
         */
        post: operations["cancelRefund"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        /**
         * Read a refund
         * @description For the order's buyer, the seller's owner and admins.
         */
        get: operations["getRefund"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/{id}/settle_outside_stripe": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Record that the buyer was paid in another way
         * @description For a refund that ended without its money going back: it failed, perhaps after it had succeeded, or Stripe refused
         *     it. The note says how the buyer got the money, and is kept on the refund, in the order's timeline and in the audit
         *     log. The refund's finding is resolved, and its amount can't be refunded again. A repetition answers the refund as
         *     it is. For the seller's owner and admins.
         */
        post: operations["settleRefundOutsideStripe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/disputes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List disputes
         * @description The disputes of your sellers' payments, newest first, as Stripe last showed them. An admin sees all. Of disputes that
         *     want an answer `seconds_left` counts down to the end of their time.
         */
        get: operations["listDisputes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/disputes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        /**
         * Read a dispute
         * @description With the evidence that is written so far. For the seller's owner and admins.
         */
        get: operations["getDispute"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/disputes/{id}/evidence": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Write evidence
         * @description Merges texts into the evidence, which stays here until it is submitted. The names are Stripe's. Null leaves a field out.
         *     A dispute that is appealed (`appeal_needs_response`) takes `appeal` and nothing else.
         *     For the seller's owner and admins.
         */
        patch: operations["writeDisputeEvidence"];
        trace?: never;
    };
    "/v1/disputes/{id}/submit": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit evidence
         * @description Sends the evidence to the bank, which takes it once in each phase of a dispute: the inquiry, the dispute, and each
         *     appeal. A repetition answers the dispute as it is. Follow `submission`: Stripe may refuse the evidence, which can then be
         *     changed and submitted again. Where `fee` isn't null, submitting costs that fee, and takes `acknowledged_fee` with the
         *     same amount and currency. Of an appeal what was written as `appeal` is sent, and nothing besides; its reason is required.
         *     For the seller's owner and admins.
         */
        post: operations["submitDisputeEvidence"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/disputes/{id}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept a dispute
         * @description Tells the bank that the buyer is right. The dispute is lost for good, and the buyer keeps the money. A repetition answers
         *     the dispute as it is. For the seller's owner and admins.
         */
        post: operations["acceptDispute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List payouts
         * @description The payouts of your sellers, newest first. An admin sees every seller's, and the platform's own.
         */
        get: operations["listPayouts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payout, by Stripe's id.
                 * @example po_1SouK9PayoutA
                 */
                id: components["parameters"]["PayoutId"];
            };
            cookie?: never;
        };
        /**
         * Read a payout
         * @description For the seller's owner and admins. A payout is `closed` when Stripe has reconciled it
         *     (`payout.reconciliation_completed`) and the net of its transactions equals its amount. Stripe can't
         *     itemise a manual payout; its `reconciliation` is `manual`.
         */
        get: operations["getPayout"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payout, by Stripe's id.
                 * @example po_1SouK9PayoutA
                 */
                id: components["parameters"]["PayoutId"];
            };
            cookie?: never;
        };
        /**
         * List what a payout is made of
         * @description The balance transactions that the payout pays out, newest first, as Stripe gave them (`GET /v1/balance_transactions?payout=`), the payout's own left out.
         */
        get: operations["listPayoutTransactions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/balances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the ledger's balances
         * @description The balance of every ledger account, debit positive: of your sellers, or for an admin of all and
         *     of the platform. Not paged: one answer has them all, and `has_more` is false.
         */
        get: operations["listLedgerBalances"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reports/application_fees": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report the platform's income
         * @description What application fees brought the platform, newest period first, from its own book: by day or month in UTC and by
         *     the charges' currency, with `by_seller` or `seller_id` also by the account that paid. Where the platform's balance is
         *     in another currency, `settled_net` is what came into it. Not paged: one answer has it all. For admins.
         */
        get: operations["reportApplicationFees"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List findings
         * @description Differences between our books and Stripe's, newest first. Each says in a sentence what happened, how much, and what to do. For admins.
         */
        get: operations["listFindings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/findings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The finding.
                 * @example fnd_01kas7k2l4m6n8
                 */
                id: components["parameters"]["FindingId"];
            };
            cookie?: never;
        };
        /**
         * Retrieve a finding
         * @description For admins.
         */
        get: operations["getFinding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/findings/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The finding.
                 * @example fnd_01kas7k2l4m6n8
                 */
                id: components["parameters"]["FindingId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resolve a finding manually
         * @description For a difference that somebody has settled elsewhere. The note says how, and is kept in the audit log. If the
         *     difference is found again, the finding opens again and keeps the note. A finding that is resolved already stays as it is. For admins.
         */
        post: operations["resolveFinding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events
         * @description Stripe's events as they are kept, the last received first: what became of each, how often it was tried,
         *     what it waits for, and why it failed. Payloads are never shown, since they hold what buyers typed in. For admins.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        /**
         * Retrieve an event
         * @description For admins.
         */
        get: operations["getEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replay an event
         * @description Runs the event's effect again, in whatever state the event is, and answers the result. An effect never happens twice:
         *     if it is there already, the event stays `processed`. With `dry_run` the transaction is rolled back, so the answer is
         *     what would happen. A replay is recorded in the audit log. For admins.
         */
        post: operations["replayEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Discard an event
         * @description For an event that failed, waits or was given up, and isn't wanted. It is not tried again, and no longer counts as
         *     unfinished. The reason is kept with it and in the audit log. A replay brings it back. For admins.
         */
        post: operations["discardEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/events/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replay a range of events
         * @description Replays the events that match all `filters`, in the order they were received, each in a transaction of its own. Give
         *     at least one filter. A call replays at most `limit` events: if `has_more` is true, ask again with the last one as
         *     `starting_after`. For admins.
         */
        post: operations["replayEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List jobs
         * @description The work that is done after a request or an event, the last staged first: calls to Stripe, mail, and what is done
         *     again and again. For admins.
         */
        get: operations["listJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        /**
         * Retrieve a job
         * @description For admins.
         */
        get: operations["getJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a job
         * @description Runs a job now that waits for its next try, or that was given up or discarded; such a job has all its
         *     tries again. A refund is sent under the key it had, or Stripe is asked first, so it is made once at most. For admins.
         */
        post: operations["retryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/jobs/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Discard a job
         * @description For a job that waits or was given up, and isn't wanted. The reason is kept with it and in the audit log. A finding
         *     that was raised when it was given up stays open. What stages it again wakes it all the same. For admins.
         */
        post: operations["discardJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/audit_log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the audit log
         * @description Who did what, newest first. Entries are never changed or deleted. For admins.
         */
        get: operations["listAuditLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Examine the installation
         * @description Looks at everything that an operator may have got wrong, as `souk doctor` does: settings, addresses, database, worker,
         *     books, and what is registered at Stripe. Each check says what was found and what to do. For admins.
         */
        get: operations["examineInstallation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/stripe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event of the platform's account
         * @description Register this address at Stripe as an endpoint for events on "Your account". The signature is
         *     checked over the raw bytes as Stripe's page "Verify webhook signatures" says: any valid `v1`
         *     counts, with 300 seconds of tolerance. Events that carry an `account` belong to the other endpoint
         *     and are refused. Thin events (`object` is `v2.core.event`) are kept at either endpoint and have no
         *     effect: choose the payload style *snapshot* for the endpoint.
         */
        post: operations["receivePlatformEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/stripe/connect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Receive an event of a connected account
         * @description Register this address at Stripe as an endpoint for events on "Connected accounts"
         *     (`connect=true`). Checkouts, refunds and payouts of direct charges come only here. The signature
         *     is checked as at the platform's endpoint, with this endpoint's own secrets. Every event except a thin
         *     one must carry its `account`. A test event at a live server is answered `ignored` and not kept.
         */
        post: operations["receiveConnectEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The front page
         * @description A short page that says what this is and what to open.
         */
        get: operations["frontPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the process alive?
         * @description Answers as long as the process runs; looks at nothing else.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Can it take requests?
         * @description Asks the database. `simulated` is true when the money isn't real.
         */
        get: operations["readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.yaml": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This contract
         * @description The file that you are reading.
         */
        get: operations["contract"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This contract, to read
         * @description The contract rendered as a page. Everything it needs is in the binary.
         */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        UserId: string;
        SellerId: string;
        ProductId: string;
        PriceId: string;
        StockAdjustmentId: string;
        PromotionCodeId: string;
        OrderId: string;
        OrderLineId: string;
        OrderEventId: string;
        ShipmentId: string;
        OrderNoteId: string;
        OrderFileId: string;
        PaymentId: string;
        RefundId: string;
        FindingId: string;
        JobId: string;
        AuditEntryId: string;
        EventId: string;
        /** @description A name or an id. */
        Word: string;
        StripeAccountId: string;
        CheckoutSessionId: string;
        PaymentIntentId: string;
        SetupIntentId: string;
        PaymentMethodId: string;
        AddressVerificationId: string;
        CustomerId: string;
        SubscriptionId: string;
        InvoiceId: string;
        TaxIdId: string;
        DisputeId: string;
        PayoutId: string;
        BalanceTransactionId: string;
        Cursor: string;
        /**
         * Format: date-time
         * @description RFC 3339, UTC, milliseconds.
         */
        Time: string;
        DateOrTime: string;
        /**
         * Format: int64
         * @description In the currency's minor unit.
         */
        Amount: number;
        /**
         * Format: int64
         * @description In the currency's minor unit. Twelve digits is Stripe's limit, for cards. BHD, JOD, KWD, OMR and TND end in 0; ISK and UGX end in 00.
         */
        PositiveAmount: number;
        /**
         * Format: int64
         * @description What it costs once, in the currency's minor unit, as `PositiveAmount`. Null: it isn't sold once, but by its recurring prices.
         */
        PriceOnce: number | null;
        /** @description ISO 4217, lowercase, one that Stripe supports. */
        Currency: string;
        /** @description Yours to use. Up to 50 keys of up to 40 characters, with values of up to 500. */
        Metadata: {
            [key: string]: string;
        };
        /**
         * @description `created`: nothing filled in yet. `onboarding`: begun, not submitted. `pending_verification`:
         *     Stripe is checking. `restricted`: Stripe wants more before it takes or pays out money. `active`:
         *     can take money. `rejected`: Stripe has rejected the account. `closed`: the account is closed.
         *     `deauthorized`: the seller has disconnected the platform.
         * @enum {string}
         */
        SellerStatus: "created" | "onboarding" | "pending_verification" | "restricted" | "active" | "rejected" | "closed" | "deauthorized";
        /** @enum {string} */
        ProductStatus: "active" | "archived";
        /**
         * @description For how long something comes off a subscription; `once` unless given.
         * @enum {string}
         */
        CodeDuration: "once" | "repeating" | "forever";
        /** @enum {string} */
        Interval: "day" | "week" | "month" | "year";
        /** @description How many days of a new subscription are free; null for none. */
        TrialPeriodDays: number | null;
        /** @description Of the pieces of a subscription; null for no limit. */
        QuantityLimit: number | null;
        /**
         * @description `pending`: waiting for the buyer. `processing`: a slow method, such as a bank debit, is under way.
         *     `authorized`: the money is held until the seller captures it, and the stock is taken.
         *     `paid`: the money is there. `refund_due`: paid but not deliverable, the money is going back.
         *     `refunded`: all of it has gone back. `cancelled`: called off before it was paid.
         *     `cancelled_sold_out`: free, and gone before it was confirmed. `expired`: the page was closed
         *     unpaid. `failed`: the payment failed.
         * @enum {string}
         */
        OrderStatus: "pending" | "processing" | "authorized" | "paid" | "refund_due" | "refunded" | "cancelled" | "cancelled_sold_out" | "expired" | "failed";
        /**
         * @description `requested`: Stripe has not answered yet; with a `failure_reason` it is no longer asked, and a person must look. `blocked`: Stripe refused it and a person must look. The others are Stripe's own.
         * @enum {string}
         */
        RefundStatus: "requested" | "pending" | "requires_action" | "succeeded" | "failed" | "canceled" | "blocked";
        /** @enum {string} */
        PayoutStatus: "pending" | "in_transit" | "paid" | "canceled" | "failed";
        /** @enum {string} */
        FindingState: "open" | "resolved";
        /**
         * @description What ends a subscription by itself, at once: that the order of one of its periods is refunded whole, that its payment is disputed (not by a bank's inquiry), either, or nothing. It holds for what happens from then on.
         * @enum {string}
         */
        SubscriptionEndsOn: "nothing" | "refund" | "dispute" | "refund_or_dispute";
        /**
         * @description Of which renewals buyers are told by mail beforehand: of none, of those of half a year or longer (30 days before), or of each (a shorter one 7 days before, or half of its period). The end of a trial is told in any case.
         * @enum {string}
         */
        RenewalNotices: "none" | "long_periods" | "all";
        /**
         * @description `processed`: it has had its effect. `ignored`: nothing of ours is concerned. `deferred`: waits for something that
         *     isn't here yet. `failed`: is tried again. `dead`: was given up, and waits for you. `discarded`: isn't wanted.
         * @enum {string}
         */
        EventState: "processed" | "ignored" | "deferred" | "failed" | "dead" | "discarded";
        /**
         * @description The endpoint for the platform's own events, or for those of connected accounts.
         * @enum {string}
         */
        Endpoint: "platform" | "connect";
        /**
         * @description Delivered by Stripe, or found in Stripe's list of events.
         * @enum {string}
         */
        EventSource: "webhook" | "catch_up";
        /**
         * @description `ready`: waits for its time. `leased`: a worker has it. `dead`: was given up, and waits for you.
         * @enum {string}
         */
        JobState: "ready" | "leased" | "done" | "dead" | "discarded";
        /**
         * @description Among others `paid_unrecorded`, `orphan_payment`, `amount_mismatch`, `currency_mismatch`,
         *     `paid_without_charge`, `fee_mismatch`, `refund_missing`, `refund_failed`, `refund_due`, `refund_pending`,
         *     `oversold_unrefunded`, `pull_failed`, `unreadable_transaction`, `balance_drift`, `suspense_nonzero`, `immutable_changed`,
         *     `cross_book_fee`, `unexplained_fee`, `platform_unknown`, `payout_mismatch`, `payout_stuck`, `payout_failed`, `negative_balance`,
         *     `stale_cursor`, `inconclusive`, `thin_events_unread`, `promotion_code_overused`,
         *     `capture_failed`, `customer_change_refused`, `subscribed_twice`, `subscription_not_ended`. More may come.
         */
        FindingKind: string;
        /** @description A page. */
        Html: string;
        /** @description RFC 9457. */
        Problem: {
            /**
             * Format: uri-reference
             * @description Where the code is explained.
             */
            type: string;
            /** @description What kind of error this is; the same for every error with this code. */
            title: string;
            status: number;
            /** @description What went wrong this time, for a person. */
            detail: string;
            code: components["schemas"]["ErrorCode"];
            /** @description The field, query parameter or header at fault, such as `lines[0].quantity`. */
            param: string | null;
            request_id: string;
        };
        /**
         * @description Stable; branch on this.
         * @enum {string}
         */
        ErrorCode: "malformed_json" | "malformed_query" | "client_secret_refused" | "invalid_signature" | "wrong_secret" | "timestamp_out_of_tolerance" | "malformed_event" | "account_required" | "account_not_allowed" | "unauthenticated" | "invalid_credentials" | "invalid_token" | "forbidden" | "not_found" | "method_not_allowed" | "email_taken" | "verification_over" | "address_of_another" | "seller_not_active" | "seller_deauthorized" | "seller_rejected" | "seller_closed" | "charges_unsupported" | "dashboard_not_express" | "account_update_unavailable" | "insufficient_stock" | "stock_unlimited" | "promotion_code_taken" | "promotion_code_used_up" | "product_archived" | "price_archived" | "subscription_ended" | "already_subscribed" | "nothing_to_pay" | "payment_method_missing" | "subscription_ending" | "subscription_incomplete" | "subscription_paused" | "subscription_trialing" | "subscription_unpaid" | "recurring_only" | "sold_out" | "session_not_open" | "payment_intent_not_open" | "payment_not_authorized" | "capture_in_progress" | "capture_exceeds_authorized" | "setup_intent_not_open" | "mandate_missing" | "order_not_paid" | "order_disputed" | "payment_disputed" | "dispute_closed" | "dispute_accepted" | "evidence_submitted" | "evidence_past_due" | "evidence_missing" | "evidence_not_taken" | "fee_not_acknowledged" | "event_finished" | "job_leased" | "job_done" | "job_scheduled" | "order_already_paid" | "order_fulfilled" | "shipment_exceeds_ordered" | "shipment_voided" | "too_many_files" | "too_many_tax_ids" | "refund_exceeds_paid" | "refund_exceeds_bought" | "refund_not_cancelable" | "restock_exceeds_sold" | "refund_made_good" | "refund_not_failed" | "already_refunded" | "stripe_refused" | "idempotency_in_flight" | "payload_too_large" | "unsupported_media_type" | "invalid_request" | "promotion_code_invalid" | "promotion_code_expired" | "promotion_code_minimum_not_met" | "promotion_code_first_time_only" | "mixed_sellers" | "mixed_currencies" | "mixed_intervals" | "mixed_trials" | "payment_method_of_another_seller" | "tax_id_invalid" | "code_wrong" | "amount_too_small" | "amount_too_large" | "country_unsupported" | "idempotency_mismatch" | "too_many_requests" | "internal" | "stripe_unavailable" | "platform_not_ready" | "busy";
        /** @description An empty object, `{}`. */
        Empty: Record<string, never>;
        OnboardingLinkRequest: {
            /**
             * @description `account_update` changes what was given; it is for sellers without a dashboard of Stripe's (`white_label`).
             * @default account_onboarding
             * @enum {string}
             */
            type?: "account_onboarding" | "account_update";
            /** @description Where the seller goes at the end, on an allowed origin (ALLOWED_REDIRECT_ORIGINS). Our own page unless given. */
            return_url?: string;
        };
        AccountSessionRequest: {
            components: components["schemas"]["EmbeddedComponent"][];
        };
        /**
         * @description Stripe's name of a component.
         * @enum {string}
         */
        EmbeddedComponent: "account_management" | "account_onboarding" | "balance_report" | "balances" | "disputes_list" | "documents" | "instant_payouts_promotion" | "notification_banner" | "payment_details" | "payment_disputes" | "payments" | "payout_details" | "payout_reconciliation_report" | "payouts" | "payouts_list" | "tax_registrations" | "tax_settings";
        RegisterRequest: {
            /** Format: email */
            email: string;
            /** Format: password */
            password: string;
            name: string;
        };
        AddressVerificationCreate: {
            /** Format: email */
            email: string;
        };
        AddressConfirmation: {
            /** @description The eight digits of the mail. */
            code: string;
        };
        LoginRequest: {
            email: string;
            /** Format: password */
            password: string;
        };
        RefreshRequest: {
            refresh_token: string;
        };
        UserUpdate: {
            name?: string;
        };
        SellerCreate: {
            /** @description Shown to buyers. */
            name: string;
            /** @description ISO 3166-1 alpha-2, uppercase; one in which Stripe serves sellers. It can't be changed later. */
            country: string;
            /**
             * Format: email
             * @description Yours unless given.
             */
            email?: string;
            /**
             * @default null
             * @enum {string|null}
             */
            business_type?: "individual" | "company" | null;
            metadata?: components["schemas"]["Metadata"];
        };
        SellerUpdate: {
            name?: string;
            metadata?: components["schemas"]["Metadata"];
            /** @description For admins. Hundredths of a percent; null is the platform's default. */
            application_fee_bps?: number | null;
            /**
             * @description For admins. Added for each checkout in one of these currencies, in minor units, such as
             *     `{"usd": 30, "eur": 25}`; in others nothing is added. Replaces what was there; null is the
             *     platform's default.
             */
            application_fee_fixed?: {
                [key: string]: number;
            } | null;
            /** @description What buyers are told of refunds, in words. It is part of the evidence if a payment is disputed. */
            refund_policy?: string | null;
            /** @description An http or https address where it can be read. */
            refund_policy_url?: string | null;
            /** @description For how many days a renewal may be unpaid before its buyer loses access. */
            subscription_grace_days?: number;
            subscription_ends_on?: components["schemas"]["SubscriptionEndsOn"];
            renewal_notices?: components["schemas"]["RenewalNotices"];
            /**
             * @description Stripe's names of the payment methods that buyers may pay by (`allowed_payment_method_types`), for checkout sessions and payment intents opened from then on; null: what the seller's Stripe dashboard allows (`automatic_payment_methods`).
             * @example [
             *       "card",
             *       "sepa_debit"
             *     ]
             */
            allowed_payment_method_types?: string[] | null;
        };
        OnboardingRefreshForm: {
            state: string;
            email: string;
            /** Format: password */
            password: string;
        };
        ProductCreate: {
            seller_id: components["schemas"]["SellerId"];
            name: string;
            description?: string | null;
            unit_amount: components["schemas"]["PriceOnce"];
            currency: components["schemas"]["Currency"];
            /**
             * @description How many there are; null for unlimited.
             * @default null
             */
            stock?: number | null;
            metadata?: components["schemas"]["Metadata"];
        };
        ProductUpdate: {
            name?: string;
            description?: string | null;
            unit_amount?: components["schemas"]["PriceOnce"];
            status?: components["schemas"]["ProductStatus"];
            metadata?: components["schemas"]["Metadata"];
        };
        PriceCreate: {
            product_id: components["schemas"]["ProductId"];
            unit_amount: components["schemas"]["PositiveAmount"];
            recurring: components["schemas"]["RecurringCreate"];
            /** @description Your name for it, which buyers may see, too. */
            nickname?: string | null;
            min_quantity?: components["schemas"]["QuantityLimit"];
            max_quantity?: components["schemas"]["QuantityLimit"];
            /**
             * @description Whether each period that is paid takes from stock, as what is shipped each time does, and not only the first.
             * @default false
             */
            takes_stock_each_period?: boolean;
        };
        RecurringCreate: {
            interval: components["schemas"]["Interval"];
            /**
             * @description So many intervals make a period: at most 3 years, 36 months, 156 weeks or 1095 days.
             * @default 1
             */
            interval_count?: number;
            trial_period_days?: components["schemas"]["TrialPeriodDays"];
        };
        PriceUpdate: {
            active?: boolean;
            recurring?: {
                trial_period_days?: components["schemas"]["TrialPeriodDays"];
            };
            nickname?: string | null;
            min_quantity?: components["schemas"]["QuantityLimit"];
            max_quantity?: components["schemas"]["QuantityLimit"];
            /** @description Whether each period that is paid takes from stock, as what is shipped each time does, and not only the first. It counts for the periods that are paid from then on. */
            takes_stock_each_period?: boolean;
        };
        StockAdjustmentCreate: {
            /** @description What to add; negative takes away. Not zero. */
            delta: number;
            /** @enum {string} */
            reason: "received" | "correction" | "damaged" | "returned";
            note?: string;
        };
        PromotionCodeCreate: {
            seller_id: components["schemas"]["SellerId"];
            /** @description What the buyer types. Case does not matter to Stripe. */
            code: string;
            percent_off?: number;
            amount_off?: components["schemas"]["PositiveAmount"];
            currency?: components["schemas"]["Currency"];
            max_redemptions?: number;
            /**
             * Format: date-time
             * @description RFC 3339, in the future.
             */
            expires_at?: string;
            duration?: components["schemas"]["CodeDuration"];
            /** @description With `repeating`, and only then. */
            duration_in_months?: number;
            minimum_amount?: components["schemas"]["PositiveAmount"];
            minimum_amount_currency?: components["schemas"]["Currency"];
            /**
             * @description Only for buyers who have paid the seller nothing before, as far as they are known: a guest is not.
             * @default false
             */
            first_time_transaction?: boolean;
        } & (unknown | unknown);
        PromotionCodeQuestion: {
            seller_id: components["schemas"]["SellerId"];
            /** @description As the buyer types it. */
            code: string;
            /** @description What is bought once, as a checkout is given it. */
            lines?: {
                product_id: components["schemas"]["ProductId"];
                quantity: number;
            }[];
            amount?: components["schemas"]["PositiveAmount"];
            currency?: components["schemas"]["Currency"];
        } & (unknown | unknown);
        PromotionCodeUpdate: {
            active: boolean;
        };
        PaymentIntentCreate: {
            /** @description All of one seller and one currency. Their sum is at least Stripe's smallest charge, and at most twelve digits. */
            lines: {
                product_id: components["schemas"]["ProductId"];
                quantity: number;
            }[];
            /**
             * Format: email
             * @description Required of guests; otherwise yours unless given.
             */
            customer_email?: string;
            /** @description A card that you have saved with this seller. Confirm with it in Stripe.js. */
            payment_method?: components["schemas"]["PaymentMethodId"];
            /**
             * @description Save the card that pays, for payments at which you are there. Log in, or send a `Guest-Token`.
             * @default false
             */
            save_payment_method?: boolean;
            capture_method?: components["schemas"]["CaptureMethod"];
            /** @description What the buyer entered on your page; the intent is confirmed with it at once, as by `POST /v1/payment_intents/{id}/confirm`. A decline, or a token that Stripe doesn't take, is the `last_error` of the open intent. */
            confirmation_token?: string;
            /** @description Where the buyer goes in the end, and after a page of the bank's or of the method's: a page at an allowed origin, or an app of an allowed scheme, such as `myapp://checkout`, which our own page opens. It is kept, and our pages lead back there. By default our own page. */
            return_url?: string;
            metadata?: components["schemas"]["Metadata"];
        };
        OffSessionPaymentCreate: {
            customer_id: components["schemas"]["CustomerId"];
            /** @description All of the customer's seller and of one currency. */
            lines: {
                product_id: components["schemas"]["ProductId"];
                quantity: number;
            }[];
            /** @description A card that the customer has saved; their default unless given. */
            payment_method?: components["schemas"]["PaymentMethodId"];
            metadata?: components["schemas"]["Metadata"];
        };
        TaxIdCreate: {
            seller_id: components["schemas"]["SellerId"];
            /**
             * @description Stripe's type of tax id (docs.stripe.com/billing/customer/tax-ids).
             * @enum {string}
             */
            type: "ad_nrt" | "ae_trn" | "al_tin" | "am_tin" | "ao_tin" | "ar_cuit" | "au_abn" | "au_arn" | "aw_tin" | "az_tin" | "ba_tin" | "bb_tin" | "bd_bin" | "bf_ifu" | "bg_uic" | "bh_vat" | "bj_ifu" | "bo_tin" | "br_cnpj" | "br_cpf" | "bs_tin" | "by_tin" | "ca_bn" | "ca_gst_hst" | "ca_pst_bc" | "ca_pst_mb" | "ca_pst_sk" | "ca_qst" | "cd_nif" | "ch_uid" | "ch_vat" | "cl_tin" | "cm_niu" | "cn_tin" | "co_nit" | "cr_tin" | "cv_nif" | "de_stn" | "do_rcn" | "ec_ruc" | "eg_tin" | "es_cif" | "et_tin" | "eu_oss_vat" | "eu_vat" | "fo_vat" | "gb_vat" | "ge_vat" | "gi_tin" | "gn_nif" | "hk_br" | "hr_oib" | "hu_tin" | "id_npwp" | "il_vat" | "in_gst" | "is_vat" | "it_cf" | "jp_cn" | "jp_rn" | "jp_trn" | "ke_pin" | "kg_tin" | "kh_tin" | "kr_brn" | "kz_bin" | "la_tin" | "li_uid" | "li_vat" | "lk_vat" | "ma_vat" | "md_vat" | "me_pib" | "mk_vat" | "mr_nif" | "mx_rfc" | "my_frp" | "my_itn" | "my_sst" | "ng_tin" | "no_vat" | "no_voec" | "np_pan" | "nz_gst" | "om_vat" | "pe_ruc" | "ph_tin" | "pl_nip" | "py_ruc" | "ro_tin" | "rs_pib" | "ru_inn" | "ru_kpp" | "sa_vat" | "sg_gst" | "sg_uen" | "si_tin" | "sn_ninea" | "sr_fin" | "sv_nit" | "th_vat" | "tj_tin" | "tr_tin" | "tw_vat" | "tz_vat" | "ua_vat" | "ug_tin" | "us_ein" | "uy_ruc" | "uz_tin" | "uz_vat" | "ve_rif" | "vn_tin" | "za_vat" | "zm_tin" | "zw_tin";
            value: string;
        };
        SetupIntentCreate: {
            seller_id: components["schemas"]["SellerId"];
            /** @description What you have agreed to be charged for while you aren't there, as you were shown it. Without it the card is charged only when you pay yourself. */
            mandate_text?: string;
            /**
             * @description `hosted_page`: on Stripe's own page, at `url` (a Checkout Session with `mode=setup`). `elements`: in a page of yours, with Stripe.js.
             * @default elements
             * @enum {string}
             */
            ui_mode?: "hosted_page" | "elements";
            /** @description Of `hosted_page`: the address after saving, at an allowed origin, or an app of an allowed scheme, such as `myapp://cards`, which our own page opens. `{CHECKOUT_SESSION_ID}` is filled in. By default our own page. */
            success_url?: string;
            /** @description Of `hosted_page`: the same for a buyer who gives up. */
            cancel_url?: string;
            /** @description Of `elements`: the same for a buyer who comes back from a page of their bank's. */
            return_url?: string;
            metadata?: components["schemas"]["Metadata"];
        };
        CustomerUpdate: {
            seller_id: components["schemas"]["SellerId"];
            name?: string | null;
            phone?: string | null;
            /** @description Replaced as a whole. */
            address?: {
                line1?: string | null;
                line2?: string | null;
                postal_code?: string | null;
                city?: string | null;
                state?: string | null;
                /** @description ISO 3166-1. */
                country?: string | null;
            } | null;
            metadata?: components["schemas"]["Metadata"];
        };
        CheckoutSessionCreate: {
            /**
             * @description Whether it is paid once, or each period until it is cancelled. To subscribe, log in or send a `Guest-Token`.
             * @default payment
             * @enum {string}
             */
            mode?: "payment" | "subscription";
            /** @description All of one seller and one currency. Their sum is at least Stripe's smallest charge, and at most twelve digits. Recurring prices are of one period and have one trial. */
            lines: {
                /** @description Of `mode=payment`. */
                product_id?: components["schemas"]["ProductId"];
                /** @description Of `mode=subscription`. */
                price_id?: components["schemas"]["PriceId"];
                /** @description Of a product at most 999. */
                quantity: number;
            }[];
            /**
             * Format: email
             * @description Required of guests; otherwise yours unless given.
             */
            customer_email?: string;
            ui_mode?: components["schemas"]["UiMode"];
            /** @description Of `hosted_page`: `{PUBLIC_URL}/checkout/success?session_id={CHECKOUT_SESSION_ID}` unless given. An app's, such as `myapp://checkout`, is opened by that page, with `session_id` and `page=success`. */
            success_url?: string;
            /** @description Of `hosted_page`: `{PUBLIC_URL}/checkout/cancelled?payment_id=…` unless given. An app's is opened by that page, with `session_id` and `page=cancelled`. */
            cancel_url?: string;
            /** @description Of `embedded_page` and `elements`, for after the payment or a bank's page: `{PUBLIC_URL}/checkout/success?session_id={CHECKOUT_SESSION_ID}` unless given. Not with `redirect_on_completion: never`. */
            return_url?: string;
            redirect_on_completion?: components["schemas"]["RedirectOnCompletion"];
            /** @description A code of the seller's, in either case, that is taken off; not beside `allow_promotion_codes: true`. The checkout holds one of its redemptions while it is open. */
            promotion_code?: string;
            /** @description Whether the buyer may enter a code on the payment page; true by default, and false with a `promotion_code`. */
            allow_promotion_codes?: boolean;
            /**
             * @description Seconds that the payment page stays open, and at least 31 minutes: Stripe wants 30 from the moment it gets the request.
             * @default 86400
             */
            expires_in?: number;
            capture_method?: components["schemas"]["CaptureMethod"];
            /**
             * @description Save the card that pays, for payments at which you are there. Log in, or send a `Guest-Token`; not with a `customer_email` that isn't yours.
             * @default false
             */
            save_payment_method?: boolean;
            /**
             * @description Of `mode=subscription`. `if_required`: no card is asked for where nothing is to be paid now.
             * @default always
             * @enum {string}
             */
            payment_method_collection?: "always" | "if_required";
            /** @description Of `mode=subscription`. */
            trial_settings?: components["schemas"]["TrialSettings"];
            /** @description Of `mode=subscription`. When the first whole period begins, before a period is over; not with a trial. */
            billing_cycle_anchor?: components["schemas"]["Time"];
            /**
             * @description With `billing_cycle_anchor`: whether the time before that is paid in proportion, or free. What it is cheaper than a period is the order's `amount_discount`.
             * @default create_prorations
             * @enum {string}
             */
            proration_behavior?: "create_prorations" | "none";
            /**
             * @description Of `mode=subscription`: whether to subscribe once more to a product to which you have a subscription. Without it that is 409 `already_subscribed`.
             * @default false
             */
            allow_another_subscription?: boolean;
            metadata?: components["schemas"]["Metadata"];
        };
        OrderFulfil: {
            note?: string;
            tracking_number?: string;
            /**
             * @description Fulfil the order although the buyer has disputed the payment.
             * @default false
             */
            despite_dispute?: boolean;
        };
        ShipmentCreate: {
            carrier?: string;
            tracking_number?: string;
            /** @description An http or https address at which the buyer can follow it. */
            tracking_url?: string;
            /** @description An http or https address at which the buyer gets what is delivered digitally. */
            delivery_url?: string;
            /** @description The buyer can read it. */
            note?: string;
            /** @description The units that it holds; all that is left unless given. */
            lines?: {
                order_line_id: components["schemas"]["OrderLineId"];
                quantity: number;
            }[];
            /** @description Now unless given; not in the future. */
            shipped_at?: components["schemas"]["Time"];
            /**
             * @description Send it although the buyer has disputed the payment.
             * @default false
             */
            despite_dispute?: boolean;
        };
        ShipmentUpdate: {
            carrier?: string | null;
            tracking_number?: string | null;
            /** @description An http or https address at which the buyer can follow it. */
            tracking_url?: string | null;
            /** @description An http or https address at which the buyer gets what is delivered digitally. */
            delivery_url?: string | null;
            /** @description The buyer can read it. */
            note?: string | null;
        };
        ShipmentDeliver: {
            /** @description Now unless given; not before it was sent. */
            delivered_at?: components["schemas"]["Time"];
            /** @description What shows it, in words: who signed, or what the carrier says. */
            delivery_proof?: string;
        };
        ShipmentVoid: {
            reason?: string;
        };
        OrderNoteCreate: {
            kind: components["schemas"]["OrderNoteKind"];
            text: string;
            /** @description When it was written or said; now unless given, and not in the future. */
            happened_at?: components["schemas"]["Time"];
        };
        /** @enum {string} */
        OrderNoteKind: "note" | "message_from_buyer" | "message_to_buyer";
        /** @enum {string} */
        OrderFileKind: "customer_communication" | "customer_signature" | "receipt" | "service_documentation" | "shipping_documentation" | "uncategorized_file";
        OrderCancel: {
            reason?: string;
        };
        FindingResolve: {
            /** @description How it was settled. */
            note: string;
        };
        EventReplayOne: {
            /**
             * @description Say what would happen, and change nothing.
             * @default false
             */
            dry_run?: boolean;
        };
        EventReplayRange: {
            filters: components["schemas"]["EventFilters"];
            /**
             * @description Say what would happen, and change nothing.
             * @default false
             */
            dry_run?: boolean;
            /**
             * @description How many at most.
             * @default 100
             */
            limit?: number;
            starting_after?: components["schemas"]["EventId"];
        };
        /** @description All that are given must hold. */
        EventFilters: {
            state?: components["schemas"]["EventState"];
            type?: components["schemas"]["Word"];
            stripe_account?: components["schemas"]["StripeAccountId"];
            endpoint?: components["schemas"]["Endpoint"];
            source?: components["schemas"]["EventSource"];
            object_id?: components["schemas"]["Word"];
            /** Format: date-time */
            received_gte?: string;
            /** Format: date-time */
            received_lt?: string;
        };
        Discard: {
            /** @description Why it isn't wanted. */
            reason: string;
        };
        Nothing: Record<string, never>;
        RefundCreate: {
            order_id: components["schemas"]["OrderId"];
            /** @description What the `lines` cost unless given, and without them all that is left. A part is a multiple of the currency's step. */
            amount?: components["schemas"]["PositiveAmount"];
            /** @enum {string} */
            reason?: "duplicate" | "fraudulent" | "requested_by_customer";
            note?: string;
            /**
             * @description Whether goods come back to stock once the refund has succeeded: those of `lines`, or all that isn't back yet if the refund is of all that is left.
             * @default false
             */
            restock?: boolean;
            /** @description The units that are refunded, no more than were bought and aren't refunded yet. With `restock` they come back to stock, for which a refund of a part needs them. */
            lines?: {
                order_line_id: components["schemas"]["OrderLineId"];
                quantity: number;
            }[];
            /**
             * Format: email
             * @description Where Stripe writes to the buyer for methods that it can't refund by itself.
             */
            instructions_email?: string;
        };
        /** @description Stripe's event object, of any type and shape. Whatever has an `id` is stored as it came, fields we don't know included. */
        StripeEvent: {
            id: string;
            type?: string;
            /** @description The connected account; required at the Connect endpoint, refused at the platform's. A thin event has a `context` instead, or nothing. */
            account?: string;
            livemode?: boolean;
            /** @description Seconds since 1970; a time, in a thin event. */
            created?: number | string;
            api_version?: string | null;
            data?: {
                [key: string]: unknown;
            };
        } & {
            [key: string]: unknown;
        };
        TokenPair: {
            /** @constant */
            object: "token_pair";
            access_token: string;
            /** @constant */
            token_type: "Bearer";
            /** @description Seconds that the access token lives. */
            expires_in: number;
            /** @description Opaque; works once. */
            refresh_token: string;
            user: components["schemas"]["User"];
        };
        User: {
            id: components["schemas"]["UserId"];
            /** @constant */
            object: "user";
            email: string;
            /** @description When you proved that the address is yours. */
            email_verified_at: components["schemas"]["Time"] | null;
            name: string;
            /** @enum {string} */
            role: "member" | "admin";
            created_at: components["schemas"]["Time"];
        };
        Seller: {
            id: components["schemas"]["SellerId"];
            /** @constant */
            object: "seller";
            owner_id: components["schemas"]["UserId"];
            name: string;
            email: string;
            country: string;
            /** @enum {string|null} */
            business_type: "individual" | "company" | null;
            stripe_account: components["schemas"]["StripeAccountId"] | null;
            livemode: boolean;
            status: components["schemas"]["SellerStatus"];
            /** @description Whether the seller can take money, by Stripe's word: the capability that the charges of its profile need is active (v1: `charges_enabled`). */
            charges_enabled: boolean;
            payouts_enabled: boolean;
            details_submitted: boolean;
            /** @enum {string} */
            dashboard: "full" | "express" | "none";
            /**
             * @description What the account was made with; it never changes. See docs/charge-profiles.md.
             * @enum {string}
             */
            charge_profile: "direct" | "direct_express" | "marketplace" | "white_label";
            /**
             * @description Which of Stripe's APIs the account is read by.
             * @enum {string}
             */
            accounts_api: "v1" | "v2";
            /** @description What the account can do, by Stripe's names, such as `card_payments` and `stripe_balance.payouts`. Stripe's words stand as they came. */
            capabilities: {
                [key: string]: components["schemas"]["Capability"];
            };
            requirements: components["schemas"]["Requirements"];
            /** @description Null means the platform's default. */
            application_fee_bps: number | null;
            /** @description By currency, in minor units. Null means the platform's default. */
            application_fee_fixed: {
                [key: string]: number;
            } | null;
            /** @description What the seller tells buyers of refunds. Each order keeps it as it was when it was made. */
            refund_policy: string | null;
            /** @description Where it can be read. */
            refund_policy_url: string | null;
            /** @description For how many days a renewal may be unpaid before its buyer loses access. */
            subscription_grace_days: number;
            subscription_ends_on: components["schemas"]["SubscriptionEndsOn"];
            renewal_notices: components["schemas"]["RenewalNotices"];
            /** @description Stripe's names of the payment methods that buyers may pay by; null: what the seller's Stripe dashboard allows. */
            allowed_payment_method_types: string[] | null;
            metadata: components["schemas"]["Metadata"];
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        SellerList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Seller"][];
        };
        Capability: {
            /** @description Such as `active`, `pending`, `restricted` or `inactive`. */
            status: string;
            /** @description Why it isn't active. Accounts of v1 don't say. */
            details: {
                /** @description Such as `requirements_past_due`. */
                code: string;
                /** @description Such as `provide_info` or `contact_stripe`. */
                resolution: string | null;
            }[];
        };
        Requirements: {
            /** @constant */
            object: "requirements";
            currently_due: string[];
            past_due: string[];
            eventually_due: string[];
            pending_verification: string[];
            /** @description Stripe's reason, such as `requirements.past_due`, or `requirements_past_due` of an account of v2. */
            disabled_reason: string | null;
            current_deadline: components["schemas"]["Time"] | null;
            /** @description Each of them once. */
            entries: components["schemas"]["Requirement"][];
        };
        Requirement: {
            /** @description Stripe's name for it, such as `individual.verification.document`. */
            code: string;
            /** @description A sentence for the seller. */
            message: string;
            /** @description `user`, who is the seller, or `stripe`. */
            awaiting_action_from: string;
            /** @description `past_due`, `currently_due` or `eventually_due`. */
            deadline_status: string;
            /** @description When it is past due. Accounts of v2 have a date only for the strictest status. */
            deadline: components["schemas"]["Time"] | null;
            /** @description What the account loses without it. Accounts of v1 don't say. */
            restricts_capabilities: string[];
            errors: {
                /** @description Such as `verification_document_expired`. */
                code: string;
                /** @description Stripe's words for the seller. */
                reason: string;
            }[];
        };
        Balance: {
            /** @constant */
            object: "balance";
            available: components["schemas"]["BalanceAmount"][];
            pending: components["schemas"]["BalanceAmount"][];
        };
        BalanceAmount: {
            currency: components["schemas"]["Currency"];
            amount: components["schemas"]["Amount"];
        };
        OnboardingLink: {
            /** @constant */
            object: "onboarding_link";
            /** Format: uri */
            url: string;
            expires_at: components["schemas"]["Time"];
        };
        DashboardLink: {
            /** @constant */
            object: "dashboard_link";
            /** Format: uri */
            url: string;
        };
        AccountSession: {
            /** @constant */
            object: "account_session";
            /** @description For Stripe's script in the seller's browser. Keep it nowhere. */
            client_secret: string;
            expires_at: components["schemas"]["Time"];
            components: string[];
        };
        /** @description What buyers see of a seller. */
        PublicSeller: {
            id: components["schemas"]["SellerId"];
            /** @constant */
            object: "seller";
            name: string;
            /** @description Whether it can be bought from. */
            charges_enabled: boolean;
            refund_policy: string | null;
            refund_policy_url: string | null;
        };
        Product: {
            id: components["schemas"]["ProductId"];
            /** @constant */
            object: "product";
            seller_id: components["schemas"]["SellerId"];
            seller_name: string;
            name: string;
            description: string | null;
            /**
             * Format: int64
             * @description What it costs once, in the currency's minor unit; null where it is sold by its recurring prices only.
             */
            unit_amount: number | null;
            currency: components["schemas"]["Currency"];
            /** @description Null means unlimited. */
            stock: number | null;
            status: components["schemas"]["ProductStatus"];
            /** @description Whether it can be bought once: it has a `unit_amount`, is active and not sold out, and its seller can take payments. A price says so of itself. */
            purchasable: boolean;
            metadata: components["schemas"]["Metadata"];
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        ProductList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Product"][];
        };
        Price: {
            id: components["schemas"]["PriceId"];
            /** @constant */
            object: "price";
            product_id: components["schemas"]["ProductId"];
            seller_id: components["schemas"]["SellerId"];
            unit_amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            recurring: {
                interval: components["schemas"]["Interval"];
                interval_count: number;
                trial_period_days: number | null;
            };
            nickname: string | null;
            min_quantity: number | null;
            max_quantity: number | null;
            /** @description Whether each period that is paid takes from stock, as what is shipped each time does, and not only the first. */
            takes_stock_each_period: boolean;
            /** @description The seller's choice. */
            active: boolean;
            /** @description Whether anybody may subscribe to it now: it and its product are active, the product isn't sold out, and its seller can take payments. */
            purchasable: boolean;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        PriceList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Price"][];
        };
        StockAdjustment: {
            id: components["schemas"]["StockAdjustmentId"];
            /** @constant */
            object: "stock_adjustment";
            product_id: components["schemas"]["ProductId"];
            delta: number;
            /** @enum {string} */
            reason: "initial" | "sale" | "received" | "correction" | "damaged" | "returned";
            note: string | null;
            order_id: components["schemas"]["OrderId"] | null;
            created_at: components["schemas"]["Time"];
        };
        StockAdjustmentList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["StockAdjustment"][];
        };
        PromotionCode: {
            id: components["schemas"]["PromotionCodeId"];
            /** @constant */
            object: "promotion_code";
            seller_id: components["schemas"]["SellerId"];
            code: string;
            percent_off: number | null;
            /** Format: int64 */
            amount_off: number | null;
            currency: components["schemas"]["Currency"] | null;
            duration: components["schemas"]["CodeDuration"];
            duration_in_months: number | null;
            /** Format: int64 */
            minimum_amount: number | null;
            minimum_amount_currency: components["schemas"]["Currency"] | null;
            first_time_transaction: boolean;
            max_redemptions: number | null;
            expires_at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description How many payments of this server have used it. A refund gives none back.
             */
            times_redeemed: number;
            active: boolean;
            stripe_promotion_code: string | null;
            created_at: components["schemas"]["Time"];
        };
        PromotionCodeValidation: {
            /** @constant */
            object: "promotion_code_validation";
            valid: boolean;
            reason: components["schemas"]["PromotionCodeReason"] | null;
            /** @description A sentence for the buyer where the code gives nothing. */
            message: string | null;
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description What the purchase comes to without the code.
             */
            amount_subtotal: number;
            /**
             * Format: int64
             * @description What comes off now, in the minor unit; 0 where the code gives nothing.
             */
            amount_off: number;
            /**
             * Format: int64
             * @description What is left to pay now.
             */
            amount_total: number;
            percent_off: number | null;
            duration: components["schemas"]["CodeDuration"] | null;
            duration_in_months: number | null;
        };
        /**
         * @description `unknown`: the seller has no such code. `inactive`: the seller has switched it off. `not_ready`: Stripe hasn't
         *     answered yet that it has made it. `used_up`: orders and open checkouts have all of its redemptions.
         *     `first_time_only`: you have paid this seller before. `amount_too_small`: what would be left is below Stripe's
         *     smallest charge.
         * @enum {string}
         */
        PromotionCodeReason: "unknown" | "inactive" | "not_ready" | "expired" | "used_up" | "currency_mismatch" | "minimum_not_met" | "first_time_only" | "amount_too_small" | "amount_too_large";
        PromotionCodeList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["PromotionCode"][];
        };
        /**
         * @description `manual`: the money is held until the seller captures it, with `POST /v1/payment_intents/{id}/capture`.
         * @enum {string}
         */
        CaptureMethod: "automatic" | "manual";
        /**
         * @description Where the buyer pays: on Stripe's own page (by default), in a frame of yours with Stripe's page in it, or in your own form with Stripe's fields.
         * @enum {string}
         */
        UiMode: "hosted_page" | "embedded_page" | "elements";
        /**
         * @description Of `embedded_page`: whether a buyer who has paid is sent to `return_url`; Stripe's default is `always`. With `never`, payment methods that send the buyer to another page are left out.
         * @enum {string}
         */
        RedirectOnCompletion: "always" | "if_required" | "never";
        /** @enum {string} */
        SessionStatus: "open" | "processing" | "authorized" | "complete" | "expired" | "failed" | "canceled";
        CheckoutSession: {
            id: components["schemas"]["CheckoutSessionId"];
            /** @constant */
            object: "checkout_session";
            order_id: components["schemas"]["OrderId"];
            seller_id: components["schemas"]["SellerId"];
            payment_id: components["schemas"]["PaymentId"];
            livemode: boolean;
            status: components["schemas"]["SessionStatus"];
            /** @enum {string} */
            payment_status: "unpaid" | "paid" | "no_payment_required";
            ui_mode: components["schemas"]["UiMode"];
            /**
             * Format: uri
             * @description Of `hosted_page`: Stripe's payment page, when the session is opened and when that is replayed by its Idempotency-Key. The link is not kept: null in all other answers.
             */
            url: string | null;
            /** @description Of the other modes, for Stripe.js: for the buyer alone and while the session is open. It is not kept. */
            client_secret: string | null;
            /** @description Of the other modes, for Stripe.js: `STRIPE_PUBLISHABLE_KEY`, or null where that is not set. */
            publishable_key: string | null;
            /** @description Of the other modes, for Stripe.js (`stripeAccount`): the account that is charged on. */
            stripe_account: string | null;
            currency: components["schemas"]["Currency"];
            amount_subtotal: components["schemas"]["Amount"];
            /**
             * Format: int64
             * @description Null until the payment is confirmed.
             */
            amount_discount: number | null;
            /**
             * Format: int64
             * @description Null until the payment is confirmed.
             */
            amount_total: number | null;
            /**
             * Format: int64
             * @description What is asked for: the seller's basis points of what is to be paid (a given `promotion_code` is taken off), plus the fixed part. If a code takes something off later, what was too much goes back to the seller.
             */
            application_fee_amount: number;
            capture_method: components["schemas"]["CaptureMethod"];
            /** @description With `capture_method: manual`, once the money is held: the intent that is captured or canceled. */
            payment_intent: string | null;
            /**
             * Format: int64
             * @description What the seller can capture, while the money is held.
             */
            amount_capturable: number | null;
            /** @description Until when it can be captured, as far as Stripe says. Then the authorization lapses, and nothing is charged. */
            capture_before: components["schemas"]["Time"] | null;
            allow_promotion_codes: boolean;
            /** @description Stripe's id of the promotion code that was given, or that the buyer entered: then null until the payment is confirmed. */
            stripe_promotion_code: string | null;
            /** @description Of `hosted_page`. */
            success_url: string | null;
            /** @description Of `hosted_page`. */
            cancel_url: string | null;
            /** @description Of the other modes. */
            return_url: string | null;
            redirect_on_completion: components["schemas"]["RedirectOnCompletion"] | null;
            expires_at: components["schemas"]["Time"];
            created_at: components["schemas"]["Time"];
            /** @description For guests, when the checkout is opened and when that answer is replayed; otherwise null. */
            order_secret: string | null;
        };
        CheckoutSessionStatus: {
            id: components["schemas"]["CheckoutSessionId"];
            /** @constant */
            object: "checkout_session_status";
            status: components["schemas"]["SessionStatus"];
        };
        PaymentIntentConfirm: {
            /** @description Stripe.js makes it (`createConfirmationToken`) for `stripe_account`. */
            confirmation_token: string;
            /** @description For this try, in place of the intent's own `return_url`. */
            return_url?: string;
        };
        PaymentIntentList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["PaymentIntent"][];
        };
        PaymentIntent: {
            id: components["schemas"]["PaymentIntentId"];
            /** @constant */
            object: "payment_intent";
            order_id: components["schemas"]["OrderId"];
            seller_id: components["schemas"]["SellerId"];
            payment_id: components["schemas"]["PaymentId"];
            livemode: boolean;
            /** @enum {string} */
            status: "open" | "processing" | "authorized" | "succeeded" | "failed" | "canceled";
            currency: components["schemas"]["Currency"];
            amount: components["schemas"]["Amount"];
            /**
             * Format: int64
             * @description What was collected.
             */
            amount_received: number;
            /**
             * Format: int64
             * @description What the seller can capture, while the money is held.
             */
            amount_capturable: number | null;
            /** @description Until when it can be captured, as far as Stripe says. Then the authorization lapses, and nothing is charged. */
            capture_before: components["schemas"]["Time"] | null;
            capture_method: components["schemas"]["CaptureMethod"];
            /**
             * Format: int64
             * @description What is asked for.
             */
            application_fee_amount: number;
            /** @description For Stripe.js, for the buyer alone and while it is open. It is not kept. */
            client_secret: string | null;
            /** @description For Stripe.js: `STRIPE_PUBLISHABLE_KEY`, or null where that is not set. */
            publishable_key: string | null;
            /** @description For Stripe.js (`stripeAccount`): the account that is charged on. */
            stripe_account: string;
            /** @description What the buyer has to do for an open intent to be paid. Only the buyer gets it. */
            next_action: {
                /** @description Stripe's, such as `redirect_to_url` or `use_stripe_sdk`. `stripe.handleNextAction` does either. */
                type: string;
                /** @description Of `redirect_to_url`: where the buyer authenticates. */
                url: string | null;
            } | null;
            /**
             * Format: uri
             * @description What to give Stripe.js as `return_url`: yours, or our own page, which says what is true and leads on to an app. Null for the intent of a session.
             */
            return_url: string | null;
            /**
             * Format: uri
             * @description A page of ours where the buyer can pay it, or answer their bank, for the buyer alone and while it is open. Null where `STRIPE_PUBLISHABLE_KEY` is not set.
             */
            url: string | null;
            /** @description Why the last try was declined, while the buyer may try again. */
            last_error: {
                /** @description Stripe's, such as `card_declined`. `confirmation_token_invalid`: Stripe did not take the token that the intent was opened with. */
                code: string | null;
                /** @description The bank's reason, such as `insufficient_funds`. Buyers get `generic_decline` for what a thief must not learn. */
                decline_code: string | null;
                /** @description What to tell the buyer, in a sentence. */
                message: string;
            } | null;
            /** @description After this it is canceled, if nobody has paid it. */
            expires_at: components["schemas"]["Time"] | null;
            created_at: components["schemas"]["Time"];
            /** @description For guests, when the intent is opened and when that answer is replayed; otherwise null. */
            order_secret: string | null;
        };
        OpenPaymentPage: {
            /** @description Of the page's address. */
            state: string;
        };
        PaymentPage: {
            /** @constant */
            object: "payment_page";
            /** @description Null where Stripe has not made it. */
            payment_intent: components["schemas"]["PaymentIntentId"] | null;
            /** @description For Stripe.js, while the intent is open. It is not kept. */
            client_secret: string | null;
            /** @description For Stripe.js: `STRIPE_PUBLISHABLE_KEY`, or null where that is not set. */
            publishable_key: string | null;
            /** @description For Stripe.js (`stripeAccount`): the account that is charged on. */
            stripe_account: string;
            /**
             * Format: uri
             * @description Where Stripe.js leads the buyer at the end.
             */
            return_url: string;
        };
        Verification: {
            /** @constant */
            object: "verification";
            /** @description Whether the order is paid, or its money is held until the seller captures it. Of several orders: whether any is. */
            success: boolean;
            status: components["schemas"]["OrderStatus"];
            /** @description Whether the money is due back and the refund failed. The order stays `refund_due` until somebody refunds it anew or settles it. */
            refund_failed: boolean;
            /** @description Whether the buyer has disputed the payment, and has not lost the dispute. */
            disputed: boolean;
            /** @description Whether the seller's Stripe account has disconnected. What isn't confirmed by then can't be confirmed any more. */
            seller_disconnected: boolean;
            /** @description What to tell the buyer, in a sentence. */
            message: string;
            /** @description Null for those who may not read it. Of several orders the first that the caller may read. */
            order: components["schemas"]["Order"] | null;
            /** @description Each order that the session pays for. */
            orders: {
                status: components["schemas"]["OrderStatus"];
                refund_failed: boolean;
                disputed: boolean;
                /** @description What to tell the buyer of this order, in a sentence. */
                message: string;
                /** @description Null for those who may not read it. */
                order: components["schemas"]["Order"] | null;
            }[];
        };
        AddressVerification: {
            id: components["schemas"]["AddressVerificationId"];
            /** @constant */
            object: "address_verification";
            /** @description As it is compared: in lower case. */
            email: string;
            /** @description Until when the code counts. */
            expires_at: components["schemas"]["Time"];
            created_at: components["schemas"]["Time"];
        };
        VerifiedAddress: {
            id: components["schemas"]["AddressVerificationId"];
            /** @constant */
            object: "verified_address";
            email: string;
            verified_at: components["schemas"]["Time"];
            /** @description For the header `Guest-Token`, told once; null for a user who is logged in. */
            guest_token: string | null;
            /** @description Seconds. */
            expires_in: number | null;
        };
        Customer: {
            id: components["schemas"]["CustomerId"];
            /** @constant */
            object: "customer";
            /** @description Whose customer it is; null of a guest, who has proved their address. */
            user_id: components["schemas"]["UserId"] | null;
            seller_id: components["schemas"]["SellerId"] | null;
            /** @description Stripe's `cus_…` on the seller's account; null until something is saved, and after it was deleted there. */
            stripe_customer: string | null;
            livemode: boolean;
            name: string | null;
            /** @description Where Stripe sends receipts. */
            email: string | null;
            phone: string | null;
            /** @description Where they are billed. */
            address: {
                line1: string | null;
                line2: string | null;
                postal_code: string | null;
                city: string | null;
                state: string | null;
                country: string | null;
            } | null;
            /** @description Those given here and at Stripe, oldest first. */
            tax_ids: components["schemas"]["TaxId"][];
            /** @description What invoices are paid with, and charges while the buyer isn't there. */
            default_payment_method: string | null;
            metadata: components["schemas"]["Metadata"];
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        TrialSettings: {
            end_behavior: {
                /**
                 * @description What becomes of a subscription whose trial ends while no card is there: it ends, its first period is billed and unpaid (as unless given), or it is paused.
                 * @enum {string}
                 */
                missing_payment_method: "cancel" | "create_invoice" | "pause";
            };
        };
        SubscriptionCreate: {
            /** @description Recurring prices of one seller, one currency, one period and one trial. */
            lines: {
                price_id: components["schemas"]["PriceId"];
                quantity: number;
            }[];
            /** @description A code of the seller's, in either case, that is taken off. */
            promotion_code?: string;
            /** @description A card that you have saved with this seller. It pays at once, unless it is declined or your bank wants to see you: then the subscription is `incomplete`, and you pay with `client_secret`. */
            payment_method?: components["schemas"]["PaymentMethodId"];
            trial_settings?: components["schemas"]["TrialSettings"];
            /** @description When the first whole period begins, before a period is over; not with a trial. The time before it is paid in proportion, by the second; what that is cheaper than a period is the order's `amount_discount`. */
            billing_cycle_anchor?: components["schemas"]["Time"];
            /** @description The same by its day, the next time that it is that day and hour in UTC; for prices by the month or the year. */
            billing_cycle_anchor_config?: {
                /** @description In a shorter month its last day. */
                day_of_month: number;
                month?: number;
                hour?: number;
                minute?: number;
                second?: number;
            };
            /**
             * @description With an anchor. Time that is free before the first period has a Checkout Session, or a trial.
             * @enum {string}
             */
            proration_behavior?: "create_prorations";
            /**
             * @description Whether to subscribe once more to a product to which you have a subscription. Without it that is 409 `already_subscribed`.
             * @default false
             */
            allow_another_subscription?: boolean;
            metadata?: components["schemas"]["Metadata"];
        };
        SubscriptionCancel: {
            /**
             * @description Whether it ends with the period that is paid, or at once.
             * @default true
             */
            at_period_end?: boolean;
        };
        SubscriptionChange: {
            /** @description Those that change. */
            items: {
                /** @description Which of the subscription's items, Stripe's `si_…`. It may be left out where there is one. */
                id?: string;
                /** @description Of the same seller, in the same currency, and not archived. It stays unless given. */
                price_id?: components["schemas"]["PriceId"];
                /**
                 * Format: int64
                 * @description Within the price's limits. It stays unless given.
                 */
                quantity?: number;
            }[];
            /**
             * @description The rest of the period is billed with the renewal, at once by an invoice of its own, or not at all.
             * @default create_prorations
             * @enum {string}
             */
            proration_behavior?: "create_prorations" | "always_invoice" | "none";
            /** @description As of when the rest is counted: that of a preview of the last hour. Now unless given. */
            proration_date?: components["schemas"]["Time"];
        };
        SubscriptionPay: {
            /** @description A card that you have saved with the seller, which pays from then on. That of before unless given. */
            payment_method?: components["schemas"]["PaymentMethodId"];
        };
        SubscriptionPreview: {
            /** @constant */
            object: "subscription_preview";
            subscription_id: components["schemas"]["SubscriptionId"];
            currency: components["schemas"]["Currency"];
            /** @description As of when the rest of the period is counted; null where it isn't. */
            proration_date: components["schemas"]["Time"] | null;
            /** @description What is charged at once. Less than nothing is credited to the customer's balance at Stripe. */
            due_now: components["schemas"]["InvoicePreview"];
            /** @description The invoice at `renews_at`. What is due now isn't in it. */
            renewal: components["schemas"]["InvoicePreview"];
            renews_at: components["schemas"]["Time"] | null;
        };
        InvoicePreview: {
            /**
             * Format: int64
             * @description Minor units. What is left of `total` for the card, after the customer's balance.
             */
            amount_due: number;
            /**
             * Format: int64
             * @description After discounts. Negative where more is credited than billed.
             */
            total: number;
            /** @description The first of them, if Stripe has more than it shows at once. */
            lines: {
                description: string | null;
                /**
                 * Format: int64
                 * @description Negative where something is credited.
                 */
                amount: number;
                /** Format: int64 */
                quantity: number | null;
                /** @description Whether it is of the rest of a period. */
                proration: boolean;
                period_start: components["schemas"]["Time"] | null;
                period_end: components["schemas"]["Time"] | null;
            }[];
        };
        SubscriptionPayment: {
            /** @constant */
            object: "subscription_payment";
            subscription_id: components["schemas"]["SubscriptionId"];
            /** @description The subscription's `status` after it. */
            subscription_status: string;
            /** @description Stripe's `in_…`. */
            invoice: string;
            /**
             * @description `processing`: the bank takes days. `requires_action`: the bank wants the buyer, on `hosted_invoice_url`. `requires_payment_method`: it was declined; try another card.
             * @enum {string}
             */
            status: "paid" | "processing" | "requires_action" | "requires_payment_method";
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description What is still to be paid.
             */
            amount_due: number;
            /**
             * Format: uri
             * @description Stripe's page for this invoice, where it is paid and confirmed; null once it is paid.
             */
            hosted_invoice_url: string | null;
            last_error: {
                code: string | null;
                decline_code: string | null;
                /** @description What to tell the buyer, in a sentence. */
                message: string;
            } | null;
        };
        Subscription: {
            id: components["schemas"]["SubscriptionId"];
            /** @constant */
            object: "subscription";
            seller_id: components["schemas"]["SellerId"];
            customer_id: components["schemas"]["CustomerId"];
            /** @description The order with which it began. Each period that is paid later is an order of its own. */
            order_id: components["schemas"]["OrderId"];
            /** @description Stripe's word: `trialing`, `active`, `past_due`, `unpaid`, `paused`, `canceled`, `incomplete`, `incomplete_expired`, or one that is new there. */
            status: string;
            livemode: boolean;
            currency: components["schemas"]["Currency"];
            items: {
                /** @description Stripe's `si_…`. */
                id: string;
                /** @description Null of a price that somebody made at Stripe. */
                price_id: components["schemas"]["PriceId"] | null;
                product_id: components["schemas"]["ProductId"] | null;
                stripe_price: string;
                /**
                 * Format: int64
                 * @description Minor units, of one piece and one period.
                 */
                unit_amount: number | null;
                /** Format: int64 */
                quantity: number;
            }[];
            current_period_start: components["schemas"]["Time"] | null;
            current_period_end: components["schemas"]["Time"] | null;
            trial_end: components["schemas"]["Time"] | null;
            cancel_at: components["schemas"]["Time"] | null;
            cancel_at_period_end: boolean;
            canceled_at: components["schemas"]["Time"] | null;
            ended_at: components["schemas"]["Time"] | null;
            /** @description Stripe's `in_…`. */
            latest_invoice: string | null;
            /** @description A change that is made when its invoice, the latest, is paid. */
            pending_update: {
                items: {
                    /** @description Stripe's `si_…`. */
                    id: string | null;
                    price_id: components["schemas"]["PriceId"] | null;
                    stripe_price: string;
                    /** Format: int64 */
                    quantity: number;
                }[];
                /** @description When it is given up, and its invoice void. */
                expires_at: components["schemas"]["Time"];
            } | null;
            /** @description For Stripe.js, on `stripe_account` with `publishable_key`: what you as the buyer confirm. Null where nothing is to be done, to anybody else, and in lists. It is read from Stripe each time and never kept. */
            client_secret: string | null;
            /**
             * @description `payment_intent`: you pay the first invoice (`confirmPayment`). `setup_intent`: nothing is to be paid yet, and you give the card that is charged later (`confirmSetup`).
             * @enum {string|null}
             */
            client_secret_of: "payment_intent" | "setup_intent" | null;
            /** @description With `client_secret`. */
            publishable_key: string | null;
            /** @description With `client_secret`. */
            stripe_account: string | null;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        SubscriptionList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Subscription"][];
        };
        /** @description Exactly one of `seller_id` and `subscription_id`. */
        PortalSessionCreate: {
            seller_id?: components["schemas"]["SellerId"];
            subscription_id?: components["schemas"]["SubscriptionId"];
            /**
             * Format: uri
             * @description Where the portal leads back to: on an allowed origin (`ALLOWED_REDIRECT_ORIGINS`). The server's front page unless given.
             */
            return_url?: string;
            /**
             * @description What it begins with; done, it leads back. The first two are of one subscription.
             * @enum {string}
             */
            flow?: "subscription_cancel" | "subscription_update" | "payment_method_update";
        };
        PortalSession: {
            /** @constant */
            object: "billing_portal_session";
            seller_id: components["schemas"]["SellerId"];
            customer_id: components["schemas"]["CustomerId"];
            return_url: string;
            /** @description Stripe's page, for the buyer's browser at once. Whoever has it is the buyer there: it is neither stored nor logged. */
            url: string;
        };
        Invoice: {
            id: components["schemas"]["InvoiceId"];
            /** @constant */
            object: "invoice";
            subscription_id: components["schemas"]["SubscriptionId"];
            seller_id: components["schemas"]["SellerId"];
            customer_id: components["schemas"]["CustomerId"];
            /** @description The order of what it bills. Null while it is unpaid, and of one that bills nothing or was paid outside of Stripe. */
            order_id: components["schemas"]["OrderId"] | null;
            /** @description What it is called on paper, once it is final. */
            number: string | null;
            /** @description Stripe's word: `draft`, `open`, `paid`, `uncollectible`, `void`, or one that is new there. */
            status: string;
            /** @description Stripe's, such as `subscription_cycle`. */
            billing_reason: string | null;
            livemode: boolean;
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description Before discounts, in the minor unit, as all amounts.
             */
            subtotal: number;
            /**
             * Format: int64
             * @description After discounts. Negative: a credit.
             */
            total: number;
            /**
             * Format: int64
             * @description What is to be paid of the total.
             */
            amount_due: number;
            /**
             * Format: int64
             * @description What was paid.
             */
            amount_paid: number;
            /**
             * Format: int64
             * @description What was paid outside of Stripe.
             */
            amount_paid_off_stripe: number;
            /**
             * Format: int64
             * @description What is still to be paid.
             */
            amount_remaining: number;
            /** @description Whether somebody marked it as paid, all or a part of it, though Stripe has not collected that. */
            paid_out_of_band: boolean;
            /** @description What has collected it, or is to, as far as that is known. */
            payment_intent: string | null;
            /**
             * Format: int64
             * @description How often Stripe has tried to collect it.
             */
            attempt_count: number;
            /** @description When Stripe tries again. */
            next_payment_attempt: components["schemas"]["Time"] | null;
            /** @description The earliest beginning of what its lines bill. */
            period_start: components["schemas"]["Time"] | null;
            /** @description The latest end of that. */
            period_end: components["schemas"]["Time"] | null;
            /** @description Of one that is sent to the customer. */
            due_date: components["schemas"]["Time"] | null;
            finalized_at: components["schemas"]["Time"] | null;
            paid_at: components["schemas"]["Time"] | null;
            voided_at: components["schemas"]["Time"] | null;
            marked_uncollectible_at: components["schemas"]["Time"] | null;
            /** @description Why Stripe can't make it final. For the seller and admins; null for its buyer. */
            finalization_error: string | null;
            /** @description Stripe's page of it. Whoever has the link can see and pay it. Null in lists, of a draft, and while Stripe does not answer. */
            hosted_invoice_url: string | null;
            /** @description Its file, by such a link. */
            invoice_pdf: string | null;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        InvoiceList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Invoice"][];
        };
        Access: {
            /** @constant */
            object: "access";
            entitled: boolean;
            /** @description Until when, as far as is known. Ask again then: a renewal moves it. */
            until: components["schemas"]["Time"] | null;
            /**
             * @description `ending`: it was cancelled and is paid until then. `grace`: the renewal is unpaid, for a while.
             * @enum {string}
             */
            reason: "active" | "trialing" | "ending" | "grace" | "past_due" | "unpaid" | "paused" | "incomplete" | "ended" | "unknown" | "not_subscribed";
            subscription_id: components["schemas"]["SubscriptionId"] | null;
            /** @description The subscription's. */
            status: string | null;
        };
        TaxId: {
            id: components["schemas"]["TaxIdId"];
            /** @constant */
            object: "tax_id";
            customer_id: components["schemas"]["CustomerId"];
            seller_id: components["schemas"]["SellerId"] | null;
            /** @description Stripe's, such as `eu_vat`. */
            type: string;
            value: string;
            /** @description Two capital letters, where Stripe names one. */
            country: string | null;
            /** @description Stripe's `txi_…`; null until it is known. */
            stripe_tax_id: string | null;
            /**
             * @description `adding` and `removing`: Stripe has not answered yet, and is asked again. `refused`: Stripe didn't take it, as `refusal` says; it stays listed until you remove it or give it again.
             * @enum {string}
             */
            status: "adding" | "added" | "removing" | "removed" | "refused";
            /** @description What Stripe says of it: `pending`, `verified`, `unverified` or `unavailable`. */
            verification: string | null;
            /** @description Why Stripe didn't take it. */
            refusal: string | null;
            created_at: components["schemas"]["Time"];
        };
        CustomerList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Customer"][];
        };
        OffSessionPayment: {
            id: components["schemas"]["PaymentId"];
            /** @constant */
            object: "off_session_payment";
            order_id: components["schemas"]["OrderId"];
            seller_id: components["schemas"]["SellerId"];
            customer_id: components["schemas"]["CustomerId"];
            payment_method: components["schemas"]["PaymentMethodId"];
            /** @description Null until Stripe has made it. */
            payment_intent: components["schemas"]["PaymentIntentId"] | null;
            livemode: boolean;
            /**
             * @description `trying`: now, or again at `next_try_at`. `needs_buyer`: the buyer has a mail, and only they can pay it.
             * @enum {string}
             */
            status: "trying" | "needs_buyer" | "processing" | "succeeded" | "canceled";
            currency: components["schemas"]["Currency"];
            amount: components["schemas"]["Amount"];
            /** Format: int64 */
            amount_received: number;
            /** Format: int64 */
            application_fee_amount: number;
            /** @description Tries that were declined. */
            tries: number;
            next_try_at: components["schemas"]["Time"] | null;
            /** @description Stripe's advice after the last decline: `try_again_later`, `do_not_try_again` or `confirm_card_data`. */
            advice_code: string | null;
            last_error: {
                code: string | null;
                decline_code: string | null;
                /** @description What to tell the buyer, in a sentence. */
                message: string;
            } | null;
            created_at: components["schemas"]["Time"];
        };
        PaymentMethod: {
            id: components["schemas"]["PaymentMethodId"];
            /** @constant */
            object: "payment_method";
            customer_id: components["schemas"]["CustomerId"];
            /** @description With whom alone it can be used. */
            seller_id: components["schemas"]["SellerId"] | null;
            /** @description Stripe's, such as `card`. */
            type: string;
            /** @description Of a card, such as `visa`. */
            brand: string | null;
            last4: string | null;
            /** @description Of a card. */
            exp_month: number | null;
            /** @description Of a card. */
            exp_year: number | null;
            /** @description Such as `apple_pay`. */
            wallet: string | null;
            is_default: boolean;
            /** @description Whether the buyer has agreed to charges while they aren't there. */
            off_session: boolean;
            detached_at: components["schemas"]["Time"] | null;
            created_at: components["schemas"]["Time"];
        };
        PaymentMethodList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["PaymentMethod"][];
        };
        SetupIntent: {
            /** @description Null until the session of a hosted page has made it. The routes take `checkout_session` in its place. */
            id: components["schemas"]["SetupIntentId"] | null;
            /** @constant */
            object: "setup_intent";
            seller_id: components["schemas"]["SellerId"];
            customer_id: components["schemas"]["CustomerId"];
            livemode: boolean;
            /** @enum {string} */
            status: "open" | "processing" | "succeeded" | "canceled" | "failed";
            /** @description What it has saved. */
            payment_method: string | null;
            /** @description What the buyer has agreed to. */
            mandate: {
                text: string;
                agreed_at: components["schemas"]["Time"];
            } | null;
            /** @description For Stripe.js, while it is open. It is not kept. */
            client_secret: string | null;
            /** @description For Stripe.js: `STRIPE_PUBLISHABLE_KEY`, or null where that is not set. */
            publishable_key: string | null;
            /** @description For Stripe.js (`stripeAccount`). */
            stripe_account: string;
            /** @description Of `hosted_page`: the session, `cs_…`. */
            checkout_session: string | null;
            /**
             * Format: uri
             * @description Of `hosted_page`: Stripe's page, while it is open. It is not kept.
             */
            url: string | null;
            /** @description Of `hosted_page`, as it was given; null: our own page. */
            success_url: string | null;
            /** @description Of `hosted_page`, as it was given; null: our own page. */
            cancel_url: string | null;
            /**
             * Format: uri
             * @description Of `elements`: what to give Stripe.js as `return_url`: yours, or our own page, which says what is true and leads on to an app.
             */
            return_url: string | null;
            /** @description Why the last try failed, while the buyer may try again. */
            last_error: {
                /** @description Stripe's, such as `card_declined`. */
                code: string | null;
                /** @description The bank's reason; `generic_decline` for what a thief must not learn. */
                decline_code: string | null;
                /** @description What to tell the buyer, in a sentence. */
                message: string;
            } | null;
            metadata: components["schemas"]["Metadata"];
            created_at: components["schemas"]["Time"];
        };
        Order: {
            id: components["schemas"]["OrderId"];
            /** @constant */
            object: "order";
            seller_id: components["schemas"]["SellerId"];
            /** @description Null for guests. */
            buyer_id: components["schemas"]["UserId"] | null;
            email: string;
            status: components["schemas"]["OrderStatus"];
            currency: components["schemas"]["Currency"];
            amount_subtotal: components["schemas"]["Amount"];
            /**
             * Format: int64
             * @description Null until the payment is confirmed.
             */
            amount_discount: number | null;
            /**
             * Format: int64
             * @description Null until the payment is confirmed.
             */
            amount_total: number | null;
            amount_refunded: components["schemas"]["Amount"];
            /**
             * Format: int64
             * @description What the platform keeps of the application fee: what Stripe took, less what went back.
             */
            application_fee_amount: number;
            lines: components["schemas"]["OrderLine"][];
            /** @description What was sent of it, oldest first, voided shipments too. */
            shipments: components["schemas"]["Shipment"][];
            /** @description Disputes of the order's payments, as Stripe last showed them. */
            disputes: components["schemas"]["OrderDispute"][];
            /** @description The money that is held for it, while its status is `authorized`. */
            authorization: {
                /** @description What is captured or canceled. */
                payment_intent: string | null;
                /** Format: int64 */
                amount_capturable: number | null;
                capture_before: components["schemas"]["Time"] | null;
                /**
                 * Format: int64
                 * @description What is being captured, until Stripe has answered.
                 */
                capture_amount: number | null;
                /** @description Why Stripe refused the last capture. */
                capture_refusal: string | null;
            } | null;
            fulfilled_at: components["schemas"]["Time"] | null;
            tracking_number: string | null;
            paid_at: components["schemas"]["Time"] | null;
            cancelled_at: components["schemas"]["Time"] | null;
            cancel_reason: string | null;
            /**
             * @description Why we give the money back by ourselves: it was sold out, it came after the order had ended, or the order was paid already.
             * @enum {string|null}
             */
            refund_reason: "oversold" | "late" | "duplicate_payment" | null;
            livemode: boolean;
            metadata: components["schemas"]["Metadata"];
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        OrderList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Order"][];
        };
        OrderLine: {
            id: components["schemas"]["OrderLineId"];
            /** @constant */
            object: "order_line";
            product_id: components["schemas"]["ProductId"];
            /** @description As it was when the order was made. */
            name: string;
            unit_amount: components["schemas"]["Amount"];
            quantity: number;
            /** @description Units that shipments hold. */
            quantity_shipped: number;
            /** @description Units that came back to stock, with a refund or as a free order was cancelled. */
            quantity_returned: number;
            amount: components["schemas"]["Amount"];
        };
        Shipment: {
            id: components["schemas"]["ShipmentId"];
            /** @constant */
            object: "shipment";
            order_id: components["schemas"]["OrderId"];
            lines: components["schemas"]["ShipmentLine"][];
            carrier: string | null;
            tracking_number: string | null;
            tracking_url: string | null;
            /** @description Where the buyer gets what is delivered digitally. */
            delivery_url: string | null;
            note: string | null;
            shipped_at: components["schemas"]["Time"];
            delivered_at: components["schemas"]["Time"] | null;
            /** @description What shows that it was delivered. */
            delivery_proof: string | null;
            /** @description When somebody recorded that it was not sent so. */
            voided_at: components["schemas"]["Time"] | null;
            void_reason: string | null;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        ShipmentLine: {
            order_line_id: components["schemas"]["OrderLineId"];
            quantity: number;
        };
        ShipmentList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Shipment"][];
        };
        OrderNote: {
            id: components["schemas"]["OrderNoteId"];
            /** @constant */
            object: "order_note";
            order_id: components["schemas"]["OrderId"];
            kind: components["schemas"]["OrderNoteKind"];
            text: string;
            happened_at: components["schemas"]["Time"];
            /** @description Who noted it. */
            created_by: string;
            created_at: components["schemas"]["Time"];
        };
        OrderNoteList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["OrderNote"][];
        };
        OrderFile: {
            id: components["schemas"]["OrderFileId"];
            /** @constant */
            object: "order_file";
            order_id: components["schemas"]["OrderId"];
            shipment_id: components["schemas"]["ShipmentId"] | null;
            kind: components["schemas"]["OrderFileKind"];
            /** @enum {string} */
            content_type: "application/pdf" | "image/jpeg" | "image/png";
            /**
             * Format: int64
             * @description Bytes.
             */
            size: number;
            /** @description Of its bytes, in hex. */
            sha256: string;
            /** @description Who sent it. */
            created_by: string;
            created_at: components["schemas"]["Time"];
        };
        OrderFileList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["OrderFile"][];
        };
        OrderDispute: {
            /** @description Stripe's id. */
            id: string;
            /** @constant */
            object: "dispute";
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            /** @description Stripe's, such as `fraudulent`. */
            reason: string;
            /** @description Stripe's: `needs_response`, `under_review`, `won`, `lost`, `prevented`; of an inquiry `warning_needs_response`, `warning_under_review`, `warning_closed`. Stripe adds others. */
            status: string;
            /** @description Whether Stripe still refunds the payment. */
            is_charge_refundable: boolean;
            /** @description Until when Stripe wants an answer. */
            evidence_due_by: components["schemas"]["Time"] | null;
            created_at: components["schemas"]["Time"];
        };
        OrderEvent: {
            id: components["schemas"]["OrderEventId"];
            /** @constant */
            object: "order_event";
            order_id: components["schemas"]["OrderId"];
            /** @enum {string} */
            type: "created" | "session_created" | "processing" | "authorized" | "capture_requested" | "paid" | "refund_due" | "refund_requested" | "refund_succeeded" | "refund_failed" | "refund_blocked" | "refund_settled_outside_stripe" | "refund_canceled" | "refunded" | "restocked" | "dispute_created" | "dispute_updated" | "dispute_closed" | "dispute_evidence_requested" | "dispute_evidence_submitted" | "dispute_evidence_refused" | "dispute_accepted" | "fraud_warning" | "cancelled" | "cancelled_sold_out" | "expired" | "failed" | "shipped" | "shipment_updated" | "shipment_voided" | "delivered" | "fulfilled";
            /** @description What belongs to this type; an open map. */
            data: {
                [key: string]: unknown;
            };
            created_at: components["schemas"]["Time"];
        };
        OrderEventList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["OrderEvent"][];
        };
        Dispute: {
            /** @description Stripe's id. */
            id: string;
            /** @constant */
            object: "dispute";
            order_id: components["schemas"]["OrderId"];
            payment_id: components["schemas"]["PaymentId"];
            seller_id: components["schemas"]["SellerId"];
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            /** @description Stripe's, such as `fraudulent`. */
            reason: string;
            /** @description Stripe's: `needs_response`, `under_review`, `won`, `lost`, `prevented`; of an inquiry `warning_needs_response`, `warning_under_review`, `warning_closed`; of an appeal `appeal_needs_response`, `appeal_under_review`. Stripe adds others. */
            status: string;
            /** @description Stripe's, of cards: `chargeback`, `inquiry`, `compliance`, `block`, `resolution`. */
            case_type: string | null;
            /** @description The network's, such as Visa's `10.4`. */
            network_reason_code: string | null;
            /** @description Whether Stripe still refunds the payment. */
            is_charge_refundable: boolean;
            /** @description Whether the dispute's money has left the seller's account. */
            funds_withdrawn: boolean;
            /** @description Until when the bank takes evidence. */
            evidence_due_by: components["schemas"]["Time"] | null;
            /** @description Until then, while an answer is wanted. */
            seconds_left: number | null;
            /** @description Whether Stripe has evidence. */
            has_evidence: boolean;
            /** @description Whether the last evidence came too late, so that Stripe doesn't promise its delivery. */
            past_due: boolean;
            /** @description How often evidence was submitted, by Stripe's count. */
            submission_count: number;
            /** @description What the networks' programmes for evidence still want, by programme, as Stripe says it; an open map. */
            enhanced_eligibility: {
                [key: string]: unknown;
            };
            /** @description What submitting evidence costs. It comes back if the dispute is won. */
            fee: components["schemas"]["DisputeFee"] | null;
            /** @description The evidence of the dispute's present phase. */
            submission: components["schemas"]["DisputeSubmission"] | null;
            /** @description When the dispute was accepted here. */
            accept_requested_at: components["schemas"]["Time"] | null;
            livemode: boolean;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        DisputeWithEvidence: {
            /** @description Stripe's id. */
            id: string;
            /** @constant */
            object: "dispute";
            order_id: components["schemas"]["OrderId"];
            payment_id: components["schemas"]["PaymentId"];
            seller_id: components["schemas"]["SellerId"];
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            /** @description Stripe's, such as `fraudulent`. */
            reason: string;
            /** @description Stripe's: `needs_response`, `under_review`, `won`, `lost`, `prevented`; of an inquiry `warning_needs_response`, `warning_under_review`, `warning_closed`; of an appeal `appeal_needs_response`, `appeal_under_review`. Stripe adds others. */
            status: string;
            /** @description Stripe's, of cards: `chargeback`, `inquiry`, `compliance`, `block`, `resolution`. */
            case_type: string | null;
            /** @description The network's, such as Visa's `10.4`. */
            network_reason_code: string | null;
            /** @description Whether Stripe still refunds the payment. */
            is_charge_refundable: boolean;
            /** @description Whether the dispute's money has left the seller's account. */
            funds_withdrawn: boolean;
            /** @description Until when the bank takes evidence. */
            evidence_due_by: components["schemas"]["Time"] | null;
            /** @description Until then, while an answer is wanted. */
            seconds_left: number | null;
            /** @description Whether Stripe has evidence. */
            has_evidence: boolean;
            /** @description Whether the last evidence came too late, so that Stripe doesn't promise its delivery. */
            past_due: boolean;
            /** @description How often evidence was submitted, by Stripe's count. */
            submission_count: number;
            /** @description What the networks' programmes for evidence still want, by programme, as Stripe says it; an open map. */
            enhanced_eligibility: {
                [key: string]: unknown;
            };
            /** @description What submitting evidence costs. It comes back if the dispute is won. */
            fee: components["schemas"]["DisputeFee"] | null;
            /** @description The evidence of the dispute's present phase. */
            submission: components["schemas"]["DisputeSubmission"] | null;
            /** @description When the dispute was accepted here. */
            accept_requested_at: components["schemas"]["Time"] | null;
            livemode: boolean;
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
            evidence: components["schemas"]["DisputeEvidence"];
            evidence_pack: components["schemas"]["DisputePack"];
        };
        DisputeList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Dispute"][];
        };
        DisputeFee: {
            /** @description Stripe's name of it: `visa_compliance` or `mastercard_compliance`. */
            programme: string;
            /** @description Minor units. */
            amount: number;
            /** @description The account may be charged as much in its own currency. */
            currency: string;
        };
        DisputeSubmission: {
            /**
             * @description `refused`: Stripe has nothing; change the evidence and submit it again.
             * @enum {string}
             */
            status: "requested" | "submitted" | "refused";
            /** @description Stripe's, such as `dispute_evidence_page_limit_exceeded`. */
            failure_code: string | null;
            /** @description Stripe's words. */
            failure_reason: string | null;
            created_at: components["schemas"]["Time"];
            submitted_at: components["schemas"]["Time"] | null;
        };
        /** @description Stripe's texts of evidence (docs.stripe.com/api/disputes/evidence_object), and under `appeal` an appeal's. Null: the field is to hold nothing. */
        DisputeEvidence: {
            [key: string]: (string | null) | components["schemas"]["DisputeAppeal"];
        };
        /** @description An appeal's own evidence. */
        DisputeAppeal: {
            card: components["schemas"]["DisputeAppealCard"];
        };
        DisputeAppealCard: {
            /** @description Why the decision is wrong. */
            reason_for_filing: string | null;
            /** @description The order's files that show it. */
            supporting_files: string[] | null;
        };
        /** @description What is known here, and is submitted where the written evidence says nothing. */
        DisputePack: {
            /** @description Stripe's fields of evidence; an open map. */
            fields: {
                [key: string]: unknown;
            };
            /** @description The order's files, by the field of evidence that each is for. */
            files: {
                [key: string]: string;
            };
            /** @description How much of what matters for the dispute's reason the evidence holds. */
            completeness: number;
            /** @description What would raise it, what weighs most first. */
            missing: components["schemas"]["DisputeMissing"][];
        };
        DisputeMissing: {
            /** @description Stripe's. */
            field: string;
            /** @description What to do. */
            advice: string;
        };
        DisputeEvidenceUpdate: {
            /** @description Stripe's texts and files of evidence (docs.stripe.com/api/disputes/evidence_object); the texts together have at most 150000 characters. */
            evidence: {
                /** @description An appeal's own evidence. What is left out stays as it is. */
                appeal?: {
                    card: {
                        /** @description Why the decision is wrong. */
                        reason_for_filing?: string | null;
                        /** @description The order's files that show it. */
                        supporting_files?: string[] | null;
                    };
                } | null;
                /** @description One of the order's files. */
                cancellation_policy?: string | null;
                /** @description One of the order's files. */
                customer_communication?: string | null;
                /** @description One of the order's files. */
                customer_signature?: string | null;
                /** @description One of the order's files. */
                duplicate_charge_documentation?: string | null;
                /** @description One of the order's files. */
                receipt?: string | null;
                /** @description One of the order's files. */
                refund_policy?: string | null;
                /** @description One of the order's files. */
                service_documentation?: string | null;
                /** @description One of the order's files. */
                shipping_documentation?: string | null;
                /** @description One of the order's files. */
                uncategorized_file?: string | null;
                access_activity_log?: string | null;
                billing_address?: string | null;
                cancellation_policy_disclosure?: string | null;
                cancellation_rebuttal?: string | null;
                customer_email_address?: string | null;
                customer_name?: string | null;
                customer_purchase_ip?: string | null;
                duplicate_charge_explanation?: string | null;
                duplicate_charge_id?: string | null;
                product_description?: string | null;
                refund_policy_disclosure?: string | null;
                refund_refusal_explanation?: string | null;
                service_date?: string | null;
                shipping_address?: string | null;
                shipping_carrier?: string | null;
                shipping_date?: string | null;
                shipping_tracking_number?: string | null;
                uncategorized_text?: string | null;
            };
        };
        DisputeSubmit: {
            acknowledged_fee?: components["schemas"]["DisputeAcknowledgedFee"];
        };
        /** @description The dispute's `fee`, as it was read. */
        DisputeAcknowledgedFee: {
            amount: number;
            currency: string;
        };
        DisputeAccept: Record<string, never>;
        Refund: {
            id: components["schemas"]["RefundId"];
            /** @constant */
            object: "refund";
            order_id: components["schemas"]["OrderId"];
            payment_id: components["schemas"]["PaymentId"];
            seller_id: components["schemas"]["SellerId"];
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description The part of the application fee that was returned inside the refund, in minor units. Null until Stripe has reported it, and if none was returned or it was returned in a balance transaction of its own.
             */
            application_fee_refunded: number | null;
            /** @enum {string|null} */
            reason: "duplicate" | "fraudulent" | "requested_by_customer" | null;
            note: string | null;
            /**
             * @description Who wanted it: a person here, one of our own rules, or a person at Stripe.
             * @enum {string}
             */
            origin: "requested" | "oversold" | "late" | "duplicate_payment" | "stripe";
            status: components["schemas"]["RefundStatus"];
            failure_reason: string | null;
            /** @description Stripe's, while it is pending: `insufficient_funds`, `charge_pending`, `processing`. */
            pending_reason: string | null;
            /** @description What helps. */
            pending_help: string | null;
            /** @description Where Stripe writes to the buyer. */
            instructions_email: string | null;
            stripe_refund: string | null;
            /** @description When it ended without its money going back. */
            failed_at: components["schemas"]["Time"] | null;
            /** @description When somebody recorded that the buyer got the money in another way. */
            settled_at: components["schemas"]["Time"] | null;
            /** @description What they said of it. */
            settled_note: string | null;
            /** @description Whether goods come back to stock once it has succeeded. */
            restock: boolean;
            /** @description The units that it is for. */
            lines: components["schemas"]["RefundLine"][];
            created_at: components["schemas"]["Time"];
            updated_at: components["schemas"]["Time"];
        };
        RefundLine: {
            order_line_id: components["schemas"]["OrderLineId"];
            quantity: number;
        };
        RefundPreview: {
            /** @constant */
            object: "refund_preview";
            order_id: components["schemas"]["OrderId"];
            payment_id: components["schemas"]["PaymentId"];
            currency: components["schemas"]["Currency"];
            amount: components["schemas"]["Amount"];
            /** @description What could still be refunded of the order after it. */
            amount_left: components["schemas"]["Amount"];
            /**
             * @description From whose Stripe balance it is taken.
             * @enum {string}
             */
            funded_by: "seller" | "platform";
            /** @description What of the application fee goes back to whoever funds it. */
            application_fee_refunded: components["schemas"]["Amount"];
            lines: {
                order_line_id: components["schemas"]["OrderLineId"];
                quantity: number;
                /**
                 * Format: int64
                 * @description What its units cost the buyer; null where an amount was given, or all that is left goes back.
                 */
                amount: number | null;
                restock: boolean;
            }[];
            /** @description The funding account's, in this currency. Null where Stripe doesn't tell it now, or has none. */
            balance: {
                /** Format: int64 */
                available: number;
                /** Format: int64 */
                pending: number;
                /**
                 * Format: int64
                 * @description Both together, after the refund and with the fee that came back.
                 */
                after: number;
            } | null;
            warnings: string[];
        };
        RefundSettle: {
            /** @description How the buyer got the money. */
            note: string;
        };
        RefundList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Refund"][];
        };
        Payout: {
            id: components["schemas"]["PayoutId"];
            /** @constant */
            object: "payout";
            /** @description Null for the platform's own payouts. */
            seller_id: components["schemas"]["SellerId"] | null;
            stripe_account: components["schemas"]["StripeAccountId"];
            livemode: boolean;
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            status: components["schemas"]["PayoutStatus"];
            automatic: boolean;
            arrival_date: components["schemas"]["Time"];
            /** @enum {string} */
            reconciliation: "open" | "closed" | "mismatch" | "manual";
            /**
             * Format: int64
             * @description The sum of the transactions' net.
             */
            transactions_net: number | null;
            transaction_count: number | null;
            summary: components["schemas"]["PayoutSummary"][];
            failure_code: string | null;
            failure_message: string | null;
            created_at: components["schemas"]["Time"];
            closed_at: components["schemas"]["Time"] | null;
        };
        PayoutList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Payout"][];
        };
        PayoutSummary: {
            reporting_category: string;
            count: number;
            amount: components["schemas"]["Amount"];
            fee: components["schemas"]["Amount"];
            net: components["schemas"]["Amount"];
        };
        BalanceTransaction: {
            id: components["schemas"]["BalanceTransactionId"];
            /** @constant */
            object: "balance_transaction";
            stripe_account: components["schemas"]["StripeAccountId"];
            type: string;
            reporting_category: string;
            source: string | null;
            amount: components["schemas"]["Amount"];
            fee: components["schemas"]["Amount"];
            net: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            fee_details: components["schemas"]["FeeDetail"][];
            /** @enum {string} */
            status: "pending" | "available";
            available_on: components["schemas"]["Time"];
            payout_id: components["schemas"]["PayoutId"] | null;
            order_id: components["schemas"]["OrderId"] | null;
            created_at: components["schemas"]["Time"];
        };
        BalanceTransactionList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["BalanceTransaction"][];
        };
        FeeDetail: {
            type: string;
            amount: components["schemas"]["Amount"];
            currency: components["schemas"]["Currency"];
            description: string | null;
        };
        LedgerBalance: {
            /** @constant */
            object: "ledger_balance";
            stripe_account: components["schemas"]["StripeAccountId"];
            /** @description Null for the platform's own book. */
            seller_id: components["schemas"]["SellerId"] | null;
            /** @description The ledger account, such as `stripe_balance:payments`. */
            account: string;
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description Debit positive.
             */
            balance: number;
        };
        ApplicationFeeIncome: {
            /** @constant */
            object: "application_fee_income";
            /** @description A day or a month in UTC, such as `2026-11-29` or `2026-11`. */
            period: string;
            /** @description Null unless sellers have rows of their own. */
            seller_id: components["schemas"]["SellerId"] | null;
            /** @description The account that paid; null unless sellers have rows of their own. */
            stripe_account: components["schemas"]["StripeAccountId"] | null;
            currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description The fees that were taken.
             */
            count: number;
            /**
             * Format: int64
             * @description What was taken, in minor units of `currency`, the charges' own.
             */
            amount: number;
            /**
             * Format: int64
             * @description What went back.
             */
            amount_returned: number;
            /**
             * Format: int64
             * @description `amount` less `amount_returned`.
             */
            net: number;
            settled_currency: components["schemas"]["Currency"];
            /**
             * Format: int64
             * @description What the platform's balance got of it, in minor units of `settled_currency`.
             */
            settled_net: number;
        };
        ApplicationFeeIncomeList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["ApplicationFeeIncome"][];
        };
        LedgerBalanceList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["LedgerBalance"][];
        };
        Finding: {
            id: components["schemas"]["FindingId"];
            /** @constant */
            object: "finding";
            kind: components["schemas"]["FindingKind"];
            stripe_account: components["schemas"]["StripeAccountId"] | null;
            /** @description What it is about; an id. */
            subject: string;
            /** @description What happened, how much, and what to do. */
            message: string;
            /** Format: int64 */
            amount: number | null;
            currency: components["schemas"]["Currency"] | null;
            state: components["schemas"]["FindingState"];
            created_at: components["schemas"]["Time"];
            resolved_at: components["schemas"]["Time"] | null;
            /** @description The note of whoever resolved it manually. */
            note: string | null;
        };
        FindingList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Finding"][];
        };
        Event: {
            /** @description Stripe's id. In all texts from Stripe, characters that can't be stored are replaced by U+FFFD, and other texts than ids are cut to 255 characters. */
            id: string;
            /** @constant */
            object: "event";
            /** @description Stripe's type. */
            type: string;
            endpoint: components["schemas"]["Endpoint"];
            source: components["schemas"]["EventSource"];
            /** @description The connected account. */
            stripe_account: string | null;
            livemode: boolean;
            /** @description The API version of its payload. */
            api_version: string | null;
            /** @description What it is about. */
            object_id: string | null;
            state: components["schemas"]["EventState"];
            attempts: number;
            /** @description What a deferred event waits for. */
            waits_for: string | null;
            retry_at: components["schemas"]["Time"] | null;
            /** @description Why it failed or was ignored. */
            error: string | null;
            discard_reason: string | null;
            created_at: components["schemas"]["Time"];
            received_at: components["schemas"]["Time"];
            processed_at: components["schemas"]["Time"] | null;
        };
        EventList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Event"][];
        };
        EventReplay: {
            id: string;
            /** @constant */
            object: "event_replay";
            type: string;
            dry_run: boolean;
            state_before: components["schemas"]["EventState"];
            state: components["schemas"]["EventState"];
            waits_for: string | null;
            /** @description Why it had no effect this time. */
            error: string | null;
            /** @description Rows that were written, by table. `jobs` are staged again even where they find nothing to do. */
            changes: {
                [key: string]: number;
            };
        };
        EventReplayList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["EventReplay"][];
        };
        Job: {
            id: components["schemas"]["JobId"];
            /** @constant */
            object: "job";
            /** @description Such as `refund`, `mail`, `pull` or `catch_up`. */
            kind: string;
            /** @description What it is about; an id. */
            subject: string;
            state: components["schemas"]["JobState"];
            /** @description Since it last succeeded. */
            attempts: number;
            run_at: components["schemas"]["Time"];
            /** @description The worker that has it in hand. */
            lease_owner: string | null;
            lease_until: components["schemas"]["Time"] | null;
            last_error: string | null;
            discard_reason: string | null;
            created_at: components["schemas"]["Time"];
            finished_at: components["schemas"]["Time"] | null;
        };
        JobList: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["Job"][];
        };
        AuditEntry: {
            id: components["schemas"]["AuditEntryId"];
            /** @constant */
            object: "audit_entry";
            /** @description A user's id, or `system`, `stripe`, `guest` or `cli`. */
            actor: string;
            action: string;
            /** @description What it was done to; an id. */
            subject: string;
            data: {
                [key: string]: unknown;
            };
            created_at: components["schemas"]["Time"];
        };
        /**
         * @description `skipped`: it could not be looked at. `warning`: it works, and somebody should look at it.
         * @enum {string}
         */
        CheckState: "ok" | "skipped" | "warning" | "failed";
        DoctorReport: {
            /** @constant */
            object: "doctor_report";
            state: components["schemas"]["CheckState"];
            /** @description In the order in which a person would go through them. */
            checks: {
                /** @description Such as `connect_endpoint`. */
                name: string;
                state: components["schemas"]["CheckState"];
                /** @description What was found. */
                message: string;
                /** @description What to do. */
                action: string | null;
            }[];
        };
        AuditLog: {
            /** @constant */
            object: "list";
            /** @description The path of this list. */
            url: string;
            has_more: boolean;
            data: components["schemas"]["AuditEntry"][];
        };
        WebhookReceipt: {
            /** @description The event's id. */
            id: string;
            /** @constant */
            object: "webhook_receipt";
            /**
             * @description `ignored`: nothing of ours, or of the other mode. `deferred`: waits for something that isn't here yet. `failed`: stored, its effect failed, and it is tried again.
             * @enum {string}
             */
            state: "processed" | "duplicate" | "ignored" | "deferred" | "failed";
        };
        Health: {
            /** @constant */
            status: "ok";
        };
        Readiness: {
            /** @constant */
            status: "ok";
            /** @constant */
            database: "ok";
            /** @description True when the money isn't real. */
            simulated: boolean;
        };
    };
    responses: {
        /** @description The request can't be read: a body that isn't JSON, or an event that can't be trusted or read. */
        BadRequest: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Who is asking isn't known. */
        Unauthorized: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description You may see this but not do this. */
        Forbidden: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It does not exist, or it isn't yours. */
        NotFound: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The path exists, but not with this method. */
        MethodNotAllowed: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                Allow: components["headers"]["Allow"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request is fine, but not as things stand. */
        Conflict: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large: over 64 KiB, or 512 KiB for an event. */
        PayloadTooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body must be of the content type shown here. */
        UnsupportedMediaType: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`. A field or query parameter is missing, unknown or wrong; `param` names it. */
        UnprocessableContent: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_requests`. Slow down; `Retry-After` says for how long. */
        TooManyRequests: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `internal`. Our fault. Quote `request_id`. */
        InternalError: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not now; `Retry-After` says when to try again. */
        ServiceUnavailable: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /**
         * @description Makes repeating the request safe. See "Idempotency" above.
         * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
         */
        IdempotencyKey: string;
        /**
         * @description Stripe's signature, `t=…,v1=…`; there may be several `v1` while a secret is rolled. Without it the answer is 400 `invalid_signature`.
         * @example t=1795554000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
         */
        StripeSignature: string;
        /**
         * @description The seller.
         * @example sel_01kas3x0v4m2q8
         */
        SellerId: components["schemas"]["SellerId"];
        /**
         * @description The product.
         * @example prd_01kas4b7e9r5t1
         */
        ProductId: components["schemas"]["ProductId"];
        /**
         * @description The price.
         * @example prc_01kas4c8f1g4h7
         */
        PriceId: components["schemas"]["PriceId"];
        /**
         * @description The promotion code.
         * @example pmc_01kas4h3j5k7l9
         */
        PromotionCodeId: components["schemas"]["PromotionCodeId"];
        /**
         * @description The checkout session, by Stripe's id.
         * @example cs_test_a1B2c3D4e5F6
         */
        CheckoutSessionId: components["schemas"]["CheckoutSessionId"];
        /**
         * @description The payment intent, by Stripe's id.
         * @example pi_3SouK9Intent
         */
        PaymentIntentId: components["schemas"]["PaymentIntentId"];
        /**
         * @description The setup intent, put there by Stripe.
         * @example seti_1SouK9Setup
         */
        ReturnedSetupIntent: components["schemas"]["SetupIntentId"];
        /**
         * @description Our own id of the setup, put there by us, since Stripe puts no session's id into a `cancel_url`.
         * @example sti_01kas5a1b2c3d4
         */
        SetupIdQuery: string;
        /**
         * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
         * @example seti_1SouK9Setup
         */
        SetupIntentId: string;
        /**
         * @description The verification of an address.
         * @example avr_01kas5c3d4e5f6
         */
        AddressVerificationId: components["schemas"]["AddressVerificationId"];
        /**
         * @description The customer.
         * @example ctm_01kas5a1b2c3d4
         */
        CustomerId: components["schemas"]["CustomerId"];
        /**
         * @description Stripe's id of the subscription.
         * @example sub_1SouK7Coffee
         */
        SubscriptionId: components["schemas"]["SubscriptionId"];
        /**
         * @description Stripe's id of the invoice.
         * @example in_1SouK7Second
         */
        InvoiceId: components["schemas"]["InvoiceId"];
        /**
         * @description The tax id.
         * @example txd_01kas5t6v8w0x2
         */
        TaxIdId: components["schemas"]["TaxIdId"];
        /**
         * @description The payment.
         * @example pay_01kas5c2n7x9z5
         */
        OffSessionPaymentId: components["schemas"]["PaymentId"];
        /**
         * @description The payment method, by Stripe's id.
         * @example pm_1SouK9Card
         */
        PaymentMethodId: components["schemas"]["PaymentMethodId"];
        /**
         * @description The order.
         * @example ord_01kas5c2m6w8y4
         */
        OrderId: components["schemas"]["OrderId"];
        /**
         * @description The shipment.
         * @example shp_01kas6d4p8r2t7
         */
        ShipmentId: components["schemas"]["ShipmentId"];
        /**
         * @description The file.
         * @example ofl_01kas6d4p8r2t9
         */
        OrderFileId: components["schemas"]["OrderFileId"];
        /**
         * @description The refund.
         * @example rfd_01kas6f1g3h5j7
         */
        RefundId: components["schemas"]["RefundId"];
        /**
         * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
         * @example du_1SouK9Dispute
         */
        DisputeId: components["schemas"]["DisputeId"];
        /**
         * @description The payout, by Stripe's id.
         * @example po_1SouK9PayoutA
         */
        PayoutId: components["schemas"]["PayoutId"];
        /**
         * @description The finding.
         * @example fnd_01kas7k2l4m6n8
         */
        FindingId: components["schemas"]["FindingId"];
        /**
         * @description The event, by Stripe's id.
         * @example evt_1SouKPaid
         */
        EventId: components["schemas"]["EventId"];
        /**
         * @description The job.
         * @example job_01kas5c2m6w8y4
         */
        JobId: components["schemas"]["JobId"];
        /**
         * @description The checkout session, put there by Stripe in place of `{CHECKOUT_SESSION_ID}`.
         * @example cs_test_a1B2c3D4e5F6
         */
        SessionIdQuery: components["schemas"]["CheckoutSessionId"];
        /**
         * @description The checkout's payment, put there by us, since Stripe puts no session's id into a `cancel_url`.
         * @example pay_01kas4b7e9r5t1
         */
        PaymentIdQuery: components["schemas"]["PaymentId"];
        /**
         * @description The checkout session, put there by Stripe in place of `{CHECKOUT_SESSION_ID}`.
         * @example cs_test_a1B2c3D4e5F6
         */
        ReturnedSessionId: components["schemas"]["CheckoutSessionId"];
        /**
         * @description The payment intent, put there by Stripe.
         * @example pi_3SouK9Intent
         */
        ReturnedPaymentIntent: components["schemas"]["PaymentIntentId"];
        /**
         * @description That of the page where it was paid, so that a buyer whose try was declined is led back there.
         * @example 1795305600000.cGF5XzAx.kQ3v
         */
        PaymentPageState: string;
        /**
         * @description Says which payment this is, signed by us, good for a limited time.
         * @example 1795305600000.cGF5XzAx.kQ3v
         */
        PaymentState: string;
        /**
         * @description Says which seller this is, signed by us, good for a limited time.
         * @example eyJzIjoic2VsXzAxIn0.kQ3v
         */
        State: string;
        /**
         * @description How many to give.
         * @example 10
         */
        Limit: number;
        /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
        StartingAfter: components["schemas"]["Cursor"];
        /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
        EndingBefore: components["schemas"]["Cursor"];
        /** @description Only of this seller. */
        SellerFilter: components["schemas"]["SellerId"];
        /** @description Only of this subscription. */
        SubscriptionFilter: components["schemas"]["SubscriptionId"];
        /** @description Only invoices in this status. */
        InvoiceStatusFilter: "draft" | "open" | "paid" | "uncollectible" | "void";
        /**
         * @description The seller whose rows are wanted.
         * @example sel_01kas3x0v4m2q8
         */
        SellerFilterRequired: components["schemas"]["SellerId"];
        /** @description Only of this order. */
        OrderFilter: components["schemas"]["OrderId"];
        /** @description Only of this owner. For admins. */
        OwnerFilter: components["schemas"]["UserId"];
        /** @description Only sellers in this status. */
        SellerStatusFilter: components["schemas"]["SellerStatus"];
        /** @description Active or archived products; active unless given. */
        ProductStatusFilter: components["schemas"]["ProductStatus"];
        /**
         * @description The product whose prices are wanted.
         * @example prd_01kas4b7e9r5t1
         */
        ProductFilterRequired: components["schemas"]["ProductId"];
        /** @description Whether active or archived ones are wanted; active unless given. */
        ActiveFilter: boolean;
        /** @description Only orders in this status. */
        OrderStatusFilter: components["schemas"]["OrderStatus"];
        /** @description Only refunds in this status. */
        RefundStatusFilter: components["schemas"]["RefundStatus"];
        /**
         * @description Only disputes in this status of Stripe's, which adds others.
         * @example needs_response
         */
        DisputeStatusFilter: string;
        /** @description Only payouts in this status. */
        PayoutStatusFilter: components["schemas"]["PayoutStatus"];
        /** @description Only in this currency. */
        CurrencyFilter: components["schemas"]["Currency"];
        /**
         * @description Only what was created at this time or later (RFC 3339).
         * @example 2026-11-01T00:00:00Z
         */
        CreatedGte: string;
        /**
         * @description Only what was created before this time (RFC 3339).
         * @example 2026-12-01T00:00:00Z
         */
        CreatedLt: string;
        /**
         * @description The length of a period, in UTC. By default a day.
         * @example month
         */
        IncomeInterval: "day" | "month";
        /**
         * @description Only fees and returns of this day or later. A date, or an RFC 3339 time; by default 31 days back, or 366 where months
         *     are asked for. It is at most 366 days before `created_lte`, or 3660 where months are asked for.
         * @example 2026-11-01
         */
        IncomeGte: components["schemas"]["DateOrTime"];
        /**
         * @description Only fees and returns of this day or earlier. A date means the whole day; by default now.
         * @example 2026-11-30
         */
        IncomeLte: components["schemas"]["DateOrTime"];
        /**
         * @description Whether each seller has rows of their own.
         * @example true
         */
        BySeller: boolean;
        /**
         * @description Only payouts that arrive on this day or later. A date, or an RFC 3339 time.
         * @example 2026-11-01
         */
        ArrivalGte: components["schemas"]["DateOrTime"];
        /**
         * @description Only payouts that arrive on this day or earlier. A date means the whole day.
         * @example 2026-11-30
         */
        ArrivalLte: components["schemas"]["DateOrTime"];
        /** @description Only open or only resolved findings. */
        FindingStateFilter: components["schemas"]["FindingState"];
        /** @description Only findings of this kind. */
        FindingKindFilter: components["schemas"]["FindingKind"];
        /** @description Only events in this state. */
        EventStateFilter: components["schemas"]["EventState"];
        /**
         * @description Only events of this of Stripe's types.
         * @example checkout.session.completed
         */
        EventTypeFilter: components["schemas"]["Word"];
        /** @description Only of this connected account. */
        StripeAccountFilter: components["schemas"]["StripeAccountId"];
        /** @description Only events that came to this endpoint, or would have come to it. */
        EndpointFilter: components["schemas"]["Endpoint"];
        /** @description Only what came in this way. */
        EventSourceFilter: components["schemas"]["EventSource"];
        /**
         * @description Only events about this object of Stripe.
         * @example cs_test_a1B2c3D4e5F6
         */
        ObjectFilter: components["schemas"]["Word"];
        /**
         * @description Only what was received at this time or later (RFC 3339).
         * @example 2026-11-01T00:00:00Z
         */
        ReceivedGte: string;
        /**
         * @description Only what was received before this time (RFC 3339).
         * @example 2026-12-01T00:00:00Z
         */
        ReceivedLt: string;
        /** @description Only jobs in this state. */
        JobStateFilter: components["schemas"]["JobState"];
        /**
         * @description Only jobs of this kind.
         * @example refund
         */
        JobKindFilter: components["schemas"]["Word"];
        /**
         * @description Only about this: an id.
         * @example rfd_01kas6f1g3h5j7
         */
        SubjectFilter: components["schemas"]["Word"];
        /**
         * @description Only what this user did; or `system`, `stripe`, `guest`, `cli`.
         * @example usr_01kas2w9u4o7r2
         */
        ActorFilter: components["schemas"]["Word"];
        /**
         * @description Only this action.
         * @example event.replayed
         */
        ActionFilter: components["schemas"]["Word"];
    };
    requestBodies: never;
    headers: {
        /**
         * @description The request's id, yours if you sent a usable one (up to 128 letters, digits, `-` and `_`). Quote it when you report a problem.
         * @example req_01kas2v8t3n6q1
         */
        "X-Request-Id": string;
        /** @description `true` when this is the kept answer of an earlier request with the same key; absent otherwise. */
        "Idempotent-Replayed": "true";
        /**
         * @description Seconds to wait before trying again.
         * @example 2
         */
        "Retry-After": number;
        /**
         * @description Where to go.
         * @example https://connect.stripe.com/setup/e/acct_1SouK7Lamps/a1b2c3
         */
        Location: string;
        /**
         * @description The methods that this path knows.
         * @example GET,HEAD,POST
         */
        Allow: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "mira@example.com",
                 *       "password": "correct horse battery",
                 *       "name": "Mira Haddad"
                 *     }
                 */
                "application/json": components["schemas"]["RegisterRequest"];
            };
        };
        responses: {
            /** @description The user is registered and logged in. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `email_taken`. Somebody has registered with this address. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "mira@example.com",
                 *       "password": "correct horse battery"
                 *     }
                 */
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description Logged in. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_credentials`. The address or the password is wrong. */
            401: components["responses"]["Unauthorized"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
        };
    };
    refreshTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "refresh_token": "rt_4mq7c9x2v8n5b3k6j1h0"
                 *     }
                 */
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            /** @description A new pair; the old refresh token is used up. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. The refresh token is unknown, expired, used or revoked. */
            401: components["responses"]["Unauthorized"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description You. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["Unauthorized"];
        };
    };
    updateMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Mira H."
                 *     }
                 */
                "application/json": components["schemas"]["UserUpdate"];
            };
        };
        responses: {
            /** @description You, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listSellers: {
        parameters: {
            query?: {
                /** @description Only sellers in this status. */
                status?: components["parameters"]["SellerStatusFilter"];
                /** @description Only of this owner. For admins. */
                owner_id?: components["parameters"]["OwnerFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of sellers. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SellerList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. `owner_id` is for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createSeller: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Mira's Lamps",
                 *       "country": "US",
                 *       "business_type": "individual",
                 *       "metadata": {
                 *         "city": "Amman"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["SellerCreate"];
            };
        };
        responses: {
            /** @description The seller, with its account at Stripe. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `idempotency_in_flight`. The same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `country_unsupported`, `idempotency_mismatch`. A field is wrong, Stripe serves no sellers in the country, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`, `platform_not_ready`. Stripe did not answer, or lets this platform make no account, which its operator can mend as `detail` says. Repeat with the same key; the account is made by itself, too. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getSeller: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The seller, or for others than the owner and admins its public part. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"] | components["schemas"]["PublicSeller"];
                };
            };
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    updateSeller: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Mira's Lamps & Lanterns"
                 *     }
                 */
                "application/json": components["schemas"]["SellerUpdate"];
            };
        };
        responses: {
            /** @description The seller, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. `application_fee_bps` and `application_fee_fixed` are for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createOnboardingLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "type": "account_onboarding",
                 *       "return_url": "https://shop.example/selling"
                 *     }
                 */
                "application/json": components["schemas"]["OnboardingLinkRequest"];
            };
        };
        responses: {
            /** @description The link. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OnboardingLink"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `seller_deauthorized`, `seller_rejected`, `seller_closed`, `account_update_unavailable`, `stripe_refused`. The seller has disconnected the platform, Stripe has rejected the account, it is closed, it is changed in its dashboard, or Stripe refuses the link. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`, `platform_not_ready`. Stripe did not answer, the account is still being made, or Stripe lets this platform make none. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    createDashboardLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The link; it works once. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DashboardLink"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `dashboard_not_express`, `seller_deauthorized`, `seller_closed`, `stripe_refused`. The account has the full dashboard or none, has disconnected the platform, is closed, or has not been onboarded yet. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    createAccountSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "components": [
                 *         "account_onboarding",
                 *         "notification_banner"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["AccountSessionRequest"];
            };
        };
        responses: {
            /** @description The session. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountSession"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `seller_deauthorized`, `seller_closed`, `stripe_refused`. The seller has disconnected the platform, the account is closed, or Stripe refuses the session. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`, `platform_not_ready`. Stripe did not answer, or lets this platform make no account. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    syncSeller: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The seller, as Stripe has it. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Seller"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; the seller is as it was. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getSellerRequirements: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What Stripe wants, and by when. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Requirements"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    getSellerBalance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The seller.
                 * @example sel_01kas3x0v4m2q8
                 */
                id: components["parameters"]["SellerId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What Stripe holds for the seller. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Balance"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `seller_deauthorized`. The seller has disconnected the platform, which can no longer look. */
            409: components["responses"]["Conflict"];
            /** @description `stripe_unavailable`. Stripe did not answer. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    onboardingReturn: {
        parameters: {
            query: {
                /**
                 * @description Says which seller this is, signed by us, good for a limited time.
                 * @example eyJzIjoic2VsXzAxIn0.kQ3v
                 */
                state: components["parameters"]["State"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says where the seller stands. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Mira's Lamps can take payments.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description The account is read; go on to the `return_url` that the link was asked for with. */
            303: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The `state` is missing, altered or too old; the page says how to start again. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>This link is not valid. Start onboarding again.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    onboardingRefreshForm: {
        parameters: {
            query: {
                /**
                 * @description Says which seller this is, signed by us, good for a limited time.
                 * @example eyJzIjoic2VsXzAxIn0.kQ3v
                 */
                state: components["parameters"]["State"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A login form. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <form method="post" action="/onboarding/refresh">…</form> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description The `state` is missing, altered or too old. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>This link is not valid. Start onboarding again.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    onboardingRefresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "state": "eyJzIjoic2VsXzAxIn0.kQ3v",
                 *       "email": "mira@example.com",
                 *       "password": "correct horse battery"
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["OnboardingRefreshForm"];
            };
        };
        responses: {
            /** @description Logged in; go on to the new account link. */
            303: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The `state` is altered or too old. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>This link is not valid. Start onboarding again.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description Wrong address or password, or not this seller's owner; the form again. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>The address or the password is wrong.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description There is nothing to onboard: the seller has disconnected the platform, or Stripe has rejected the account. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Stripe has closed this account.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`. A field is missing or unknown. */
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            /** @description Stripe did not answer; try again soon. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Stripe can't be reached just now. Please try again in a minute.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    listProducts: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /** @description Active or archived products; active unless given. */
                status?: components["parameters"]["ProductStatusFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of products. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProductList"];
                };
            };
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createProduct: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "name": "Brass lamp",
                 *       "description": "Hand-made in Amman.",
                 *       "unit_amount": 2500,
                 *       "currency": "usd",
                 *       "stock": 2
                 *     }
                 */
                "application/json": components["schemas"]["ProductCreate"];
            };
        };
        responses: {
            /** @description The product. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            /** @description `idempotency_in_flight`. The same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getProduct: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The product. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            404: components["responses"]["NotFound"];
        };
    };
    updateProduct: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "unit_amount": 2700,
                 *       "status": "active"
                 *     }
                 */
                "application/json": components["schemas"]["ProductUpdate"];
            };
        };
        responses: {
            /** @description The product, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listStockAdjustments: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of adjustments. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StockAdjustmentList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createStockAdjustment: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "delta": 10,
                 *       "reason": "received",
                 *       "note": "Delivery of 23 November"
                 *     }
                 */
                "application/json": components["schemas"]["StockAdjustmentCreate"];
            };
        };
        responses: {
            /** @description The adjustment. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StockAdjustment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `insufficient_stock`, `stock_unlimited`, `idempotency_in_flight`. It would leave less than nothing, the product doesn't count its stock, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listPrices: {
        parameters: {
            query: {
                /**
                 * @description The product whose prices are wanted.
                 * @example prd_01kas4b7e9r5t1
                 */
                product_id: components["parameters"]["ProductFilterRequired"];
                /** @description Whether active or archived ones are wanted; active unless given. */
                active?: components["parameters"]["ActiveFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of prices. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PriceList"];
                };
            };
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `product_id` names no product. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createPrice: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "product_id": "prd_01kas4b7e9r5t1",
                 *       "unit_amount": 900,
                 *       "recurring": {
                 *         "interval": "month",
                 *         "trial_period_days": 14
                 *       },
                 *       "nickname": "Monthly"
                 *     }
                 */
                "application/json": components["schemas"]["PriceCreate"];
            };
        };
        responses: {
            /** @description The price. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Price"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `product_id` names no product of yours. */
            404: components["responses"]["NotFound"];
            /** @description `idempotency_in_flight`. The same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getPrice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The price.
                 * @example prc_01kas4c8f1g4h7
                 */
                id: components["parameters"]["PriceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The price. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Price"];
                };
            };
            404: components["responses"]["NotFound"];
        };
    };
    updatePrice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The price.
                 * @example prc_01kas4c8f1g4h7
                 */
                id: components["parameters"]["PriceId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "active": true,
                 *       "nickname": "Monthly"
                 *     }
                 */
                "application/json": components["schemas"]["PriceUpdate"];
            };
        };
        responses: {
            /** @description The price, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Price"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listPromotionCodes: {
        parameters: {
            query: {
                /**
                 * @description The seller whose rows are wanted.
                 * @example sel_01kas3x0v4m2q8
                 */
                seller_id: components["parameters"]["SellerFilterRequired"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of promotion codes. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromotionCodeList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createPromotionCode: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "code": "WELCOME20",
                 *       "percent_off": 20,
                 *       "max_redemptions": 100
                 *     }
                 */
                "application/json": components["schemas"]["PromotionCodeCreate"];
            };
        };
        responses: {
            /** @description The promotion code. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromotionCode"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            /** @description `promotion_code_taken`, `seller_not_active`, `stripe_refused`, `idempotency_in_flight`. The seller has this code already or can't take money yet, Stripe refuses, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    validatePromotionCode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "code": "WELCOME20",
                 *       "lines": [
                 *         {
                 *           "product_id": "prd_01kas4b7e9r5t1",
                 *           "quantity": 2
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PromotionCodeQuestion"];
            };
        };
        responses: {
            /** @description What comes off, or why nothing does. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromotionCodeValidation"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. There is no such seller, or a line names no product of it; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `product_archived`, `recurring_only`, `sold_out`. The lines can't be bought now. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `mixed_sellers`, `mixed_currencies`. A field is wrong, or the lines are of several sellers or currencies. */
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
        };
    };
    getPromotionCode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The promotion code.
                 * @example pmc_01kas4h3j5k7l9
                 */
                id: components["parameters"]["PromotionCodeId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The promotion code. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromotionCode"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    updatePromotionCode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The promotion code.
                 * @example pmc_01kas4h3j5k7l9
                 */
                id: components["parameters"]["PromotionCodeId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "active": false
                 *     }
                 */
                "application/json": components["schemas"]["PromotionCodeUpdate"];
            };
        };
        responses: {
            /** @description The promotion code, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromotionCode"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_refused`. Stripe refuses, for one because the seller has disconnected the platform. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    createCheckoutSession: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lines": [
                 *         {
                 *           "product_id": "prd_01kas4b7e9r5t1",
                 *           "quantity": 2
                 *         }
                 *       ],
                 *       "customer_email": "sam@example.com",
                 *       "allow_promotion_codes": true
                 *     }
                 */
                "application/json": components["schemas"]["CheckoutSessionCreate"];
            };
        };
        responses: {
            /** @description The open session, with the page to send the buyer to. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutSession"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`, `unauthenticated`. A token was sent and it is wrong or expired, or none to subscribe. */
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. A line names no product or price; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `product_archived`, `price_archived`, `recurring_only`, `sold_out`, `already_subscribed`, `promotion_code_used_up`, `stripe_refused`, `idempotency_in_flight`. You have a subscription to this product (`allow_another_subscription`), the seller can't take money, a product is archived, isn't sold once, or there is too little of it, the code's redemptions are used or held by open checkouts, Stripe refuses, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `mixed_sellers`, `mixed_currencies`, `mixed_intervals`, `mixed_trials`, `promotion_code_invalid`, `promotion_code_expired`, `promotion_code_minimum_not_met`, `promotion_code_first_time_only`, `amount_too_small`, `amount_too_large`, `idempotency_mismatch`. A field is wrong, the lines are of several sellers or currencies, the promotion code is none of the seller's, is switched off, is for another currency, for a larger purchase or for a first one, has expired or is refused by Stripe, the total is below the smallest charge or above the largest, by our own table or by what Stripe says, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getCheckoutSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session, or for a stranger only its status. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutSession"] | components["schemas"]["CheckoutSessionStatus"];
                };
            };
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_unavailable`. Stripe did not answer, and only it has the `client_secret`. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    expireCheckoutSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The session, now expired. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckoutSession"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `session_not_open`, `stripe_refused`. The session is complete or has expired, or Stripe refuses. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; nothing is known to have changed. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    verifyCheckoutSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The checkout session, by Stripe's id.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                id: components["parameters"]["CheckoutSessionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description What is true now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, so we can't say yet. Nothing is lost; ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    listPaymentIntents: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /**
                 * @description Only what was created at this time or later (RFC 3339).
                 * @example 2026-11-01T00:00:00Z
                 */
                created_gte?: components["parameters"]["CreatedGte"];
                /**
                 * @description Only what was created before this time (RFC 3339).
                 * @example 2026-12-01T00:00:00Z
                 */
                created_lt?: components["parameters"]["CreatedLt"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payment intents. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntentList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createPaymentIntent: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lines": [
                 *         {
                 *           "product_id": "prd_01kas4b7e9r5t1",
                 *           "quantity": 2
                 *         }
                 *       ],
                 *       "customer_email": "sam@example.com"
                 *     }
                 */
                "application/json": components["schemas"]["PaymentIntentCreate"];
            };
        };
        responses: {
            /** @description The open intent. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. A line names no product; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `product_archived`, `recurring_only`, `sold_out`, `stripe_refused`, `idempotency_in_flight`. The seller can't take money, a product is archived, isn't sold once, or there is too little of it, Stripe refuses, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `mixed_sellers`, `mixed_currencies`, `payment_method_of_another_seller`, `amount_too_small`, `amount_too_large`, `idempotency_mismatch`. A field is wrong, the lines are of several sellers or currencies, the total is below the smallest charge or above the largest, by our own table or by what Stripe says, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getPaymentIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The intent. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_unavailable`. Stripe did not answer, and only it has the `client_secret`. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    confirmPaymentIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "confirmation_token": "ctoken_1SouK9Card"
                 *     }
                 */
                "application/json": components["schemas"]["PaymentIntentConfirm"];
            };
        };
        responses: {
            /** @description The intent as Stripe shows it afterwards. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `payment_intent_not_open`, `stripe_refused`. The intent has ended without being paid, or Stripe refuses. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`. A field is wrong, or Stripe doesn't take the token: it was used, is over twelve hours old, or is another account's. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same token, or verify. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    verifyPaymentIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description What is true now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, so we can't say yet. Nothing is lost; ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    cancelPaymentIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The intent, now canceled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `payment_intent_not_open`, `capture_in_progress`, `stripe_refused`. The intent was paid, is being paid or has ended, or Stripe refuses. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; nothing is known to have changed. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    capturePaymentIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment intent, by Stripe's id.
                 * @example pi_3SouK9Intent
                 */
                id: components["parameters"]["PaymentIntentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "amount": 3000
                 *     }
                 */
                "application/json": {
                    /**
                     * Format: int64
                     * @description Minor units; by default all that is held.
                     */
                    amount?: number;
                };
            };
        };
        responses: {
            /** @description The intent, captured. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `payment_not_authorized`, `capture_in_progress`, `capture_exceeds_authorized`, `stripe_refused`. No money is held, another capture is under way, so much isn't held, or Stripe refuses. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; nothing is known to have changed. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    checkoutSuccessPage: {
        parameters: {
            query?: {
                /**
                 * @description The checkout session, put there by Stripe in place of `{CHECKOUT_SESSION_ID}`.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                session_id?: components["parameters"]["ReturnedSessionId"];
                /**
                 * @description The payment intent, put there by Stripe.
                 * @example pi_3SouK9Intent
                 */
                payment_intent?: components["parameters"]["ReturnedPaymentIntent"];
                /**
                 * @description That of the page where it was paid, so that a buyer whose try was declined is led back there.
                 * @example 1795305600000.cGF5XzAx.kQ3v
                 */
                state?: components["parameters"]["PaymentPageState"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says what became of the payment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Your payment is being confirmed…</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description No such session or payment intent, or none given. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>We know no such checkout.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    checkoutCancelledPage: {
        parameters: {
            query: {
                /**
                 * @description The checkout session, put there by Stripe in place of `{CHECKOUT_SESSION_ID}`.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                session_id: components["parameters"]["SessionIdQuery"];
                /**
                 * @description The checkout's payment, put there by us, since Stripe puts no session's id into a `cancel_url`.
                 * @example pay_01kas4b7e9r5t1
                 */
                payment_id?: components["parameters"]["PaymentIdQuery"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says what is true. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>You have not paid. The payment page is still open.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description No such session. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>We know no such checkout.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    paymentPage: {
        parameters: {
            query: {
                /**
                 * @description Says which payment this is, signed by us, good for a limited time.
                 * @example 1795305600000.cGF5XzAx.kQ3v
                 */
                state: components["parameters"]["PaymentState"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page to pay on, or one that says what became of the payment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Nothing is charged before you confirm.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description The `state` is missing, altered or too old. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>This link is not valid.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    openPaymentPage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "state": "1795305600000.cGF5XzAx.kQ3v"
                 *     }
                 */
                "application/json": components["schemas"]["OpenPaymentPage"];
            };
        };
        responses: {
            /** @description The intent for Stripe.js. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "object": "payment_page",
                     *       "payment_intent": "pi_3SouK9Intent",
                     *       "client_secret": "pi_3SouK9Intent_secret_x7",
                     *       "publishable_key": "pk_test_51SouK9",
                     *       "stripe_account": "acct_1SouK9Seller",
                     *       "return_url": "http://localhost:4242/checkout/success?state=1795305600000.cGF5XzAx.kQ3v"
                     *     }
                     */
                    "application/json": components["schemas"]["PaymentPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`. The `state` is missing, altered or too old. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, and only it has the `client_secret`. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    createAddressVerification: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "sam@example.com"
                 *     }
                 */
                "application/json": components["schemas"]["AddressVerificationCreate"];
            };
        };
        responses: {
            /** @description The code will be mailed. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddressVerification"];
                };
            };
            400: components["responses"]["BadRequest"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
        };
    };
    confirmAddressVerification: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The verification of an address.
                 * @example avr_01kas5c3d4e5f6
                 */
                id: components["parameters"]["AddressVerificationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "code": "04718253"
                 *     }
                 */
                "application/json": components["schemas"]["AddressConfirmation"];
            };
        };
        responses: {
            /** @description The address is proved. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VerifiedAddress"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `verification_over`, `address_of_another`. The code was used, has expired or was tried too often; or you are logged in with another address. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `code_wrong`. A field is wrong, or it isn't the code that was mailed. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listCustomers: {
        parameters: {
            query: {
                /**
                 * @description The seller whose rows are wanted.
                 * @example sel_01kas3x0v4m2q8
                 */
                seller_id: components["parameters"]["SellerFilterRequired"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of customers. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getMyCustomer: {
        parameters: {
            query: {
                /**
                 * @description The seller whose rows are wanted.
                 * @example sel_01kas3x0v4m2q8
                 */
                seller_id: components["parameters"]["SellerFilterRequired"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The customer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. There is no such seller, or you have saved nothing there. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`. The seller has no Stripe account yet. */
            409: components["responses"]["Conflict"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    updateMyCustomer: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "name": "Sam Buyer",
                 *       "address": {
                 *         "line1": "Hauptstr. 1",
                 *         "postal_code": "10115",
                 *         "city": "Berlin",
                 *         "country": "DE"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CustomerUpdate"];
            };
        };
        responses: {
            /** @description The customer, as changed. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`. The seller has no Stripe account yet. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getCustomer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The customer.
                 * @example ctm_01kas5a1b2c3d4
                 */
                id: components["parameters"]["CustomerId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The customer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Customer"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    createTaxId: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "type": "eu_vat",
                 *       "value": "DE123456789"
                 *     }
                 */
                "application/json": components["schemas"]["TaxIdCreate"];
            };
        };
        responses: {
            /** @description The tax id. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaxId"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `too_many_tax_ids`, `stripe_refused`, `idempotency_in_flight`. The seller has no Stripe account or has disconnected, you have as many as one can have, Stripe refuses for another reason than the number, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `tax_id_invalid`, `idempotency_mismatch`. A field is wrong, Stripe says that the number is none of its type, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`, `busy`. Stripe did not answer, and is asked again, once: read your customer, or repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getTaxId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The tax id.
                 * @example txd_01kas5t6v8w0x2
                 */
                id: components["parameters"]["TaxIdId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tax id. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaxId"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    removeTaxId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The tax id.
                 * @example txd_01kas5t6v8w0x2
                 */
                id: components["parameters"]["TaxIdId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The tax id, now gone. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaxId"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_refused`, `seller_not_active`. Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, and is asked again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    listSubscriptions: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of subscriptions. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createSubscription: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lines": [
                 *         {
                 *           "price_id": "prc_01kas4c8f1g4h7",
                 *           "quantity": 1
                 *         }
                 *       ],
                 *       "billing_cycle_anchor_config": {
                 *         "day_of_month": 1
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["SubscriptionCreate"];
            };
        };
        responses: {
            /** @description The subscription, and what is still to be done for it. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. A line names no price, or `payment_method` is no card of yours; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `product_archived`, `price_archived`, `sold_out`, `promotion_code_used_up`, `already_subscribed`, `stripe_refused`, `idempotency_in_flight`. The seller can't take money, a product or price is archived, there is too little of it, the code's redemptions are used or held by open checkouts, you have a subscription to a product already, Stripe refuses, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `mixed_sellers`, `mixed_currencies`, `mixed_intervals`, `mixed_trials`, `payment_method_of_another_seller`, `promotion_code_invalid`, `promotion_code_expired`, `promotion_code_minimum_not_met`, `promotion_code_first_time_only`, `amount_too_small`, `amount_too_large`, `idempotency_mismatch`. A field is wrong or doesn't go with the prices, the lines can't be subscribed to together, the card is saved with another seller, the code can't be used, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The subscription. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_unavailable`. Stripe did not answer, and only it has the `client_secret`. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getSubscriptionAccess: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Access"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    previewSubscriptionChange: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "items": [
                 *         {
                 *           "price_id": "prc_01kas4c8f1g4h7",
                 *           "quantity": 2
                 *         }
                 *       ],
                 *       "proration_behavior": "always_invoice"
                 *     }
                 */
                "application/json": components["schemas"]["SubscriptionChange"];
            };
        };
        responses: {
            /** @description What it would cost. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionPreview"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. No such subscription, or an item or a price that isn't there; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `subscription_ending`, `subscription_paused`, `subscription_unpaid`, `subscription_incomplete`, `product_archived`, `price_archived`, `stripe_refused`, `seller_not_active`. Only a subscription that is active or in its trial, and not cancelled, is changed; the price is not archived; Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `mixed_sellers`, `mixed_currencies`, `mixed_intervals`, `invalid_request`. A subscription stays with its seller and in its currency, and its prices are of one period; a quantity is within its price's limits; a change changes something. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    changeSubscription: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "items": [
                 *         {
                 *           "price_id": "prc_01kas4c8f1g4h7",
                 *           "quantity": 2
                 *         }
                 *       ],
                 *       "proration_behavior": "always_invoice"
                 *     }
                 */
                "application/json": components["schemas"]["SubscriptionChange"];
            };
        };
        responses: {
            /** @description The subscription, which was changed or waits to be. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. A seller changes nobody's plan. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. No such subscription, or an item or a price that isn't there; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `subscription_ending`, `subscription_paused`, `subscription_unpaid`, `subscription_incomplete`, `product_archived`, `price_archived`, `stripe_refused`, `seller_not_active`, `idempotency_in_flight`. Only a subscription that is active or in its trial, and not cancelled, is changed; the price is not archived; Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `mixed_sellers`, `mixed_currencies`, `mixed_intervals`, `invalid_request`, `idempotency_mismatch`. A subscription stays with its seller and in its currency, and its prices are of one period; a quantity is within its price's limits; a change changes something. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    paySubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["SubscriptionPay"];
            };
        };
        responses: {
            /** @description Where the invoice stands. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionPayment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. Whoever has subscribed pays. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. No such subscription, or `payment_method` is none that you have saved with its seller. */
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `nothing_to_pay`, `payment_method_missing`, `stripe_refused`, `seller_not_active`. It has ended, its latest invoice isn't open, there is no card; Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    pauseSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The subscription, which is paused. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `subscription_ending`, `subscription_trialing`, `subscription_incomplete`, `stripe_refused`, `seller_not_active`. It has ended or was cancelled, is in its trial, or hasn't begun; Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    cancelSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "at_period_end": true
                 *     }
                 */
                "application/json": components["schemas"]["SubscriptionCancel"];
            };
        };
        responses: {
            /** @description The subscription, which ends. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_refused`, `seller_not_active`. Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    resumeSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The subscription, which goes on. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `payment_method_missing`, `stripe_refused`, `seller_not_active`. It has ended, there is no card to charge, Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    listInvoices: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /** @description Only of this subscription. */
                subscription_id?: components["parameters"]["SubscriptionFilter"];
                /** @description Only invoices in this status. */
                status?: components["parameters"]["InvoiceStatusFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of invoices. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvoiceList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getInvoice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the invoice.
                 * @example in_1SouK7Second
                 */
                id: components["parameters"]["InvoiceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The invoice. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invoice"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    createBillingPortalSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "subscription_id": "sub_1SouK7Coffee",
                 *       "flow": "payment_method_update"
                 *     }
                 */
                "application/json": components["schemas"]["PortalSessionCreate"];
            };
        };
        responses: {
            /** @description The link. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalSession"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. It is no subscription of yours, or you are no customer of that seller. */
            404: components["responses"]["NotFound"];
            /** @description `subscription_ended`, `stripe_refused`, `seller_not_active`. The flow's subscription has ended, Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer: ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    verifySubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Stripe's id of the subscription.
                 * @example sub_1SouK7Coffee
                 */
                id: components["parameters"]["SubscriptionId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description What is true now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description `invalid_token`. A token was sent and it is wrong or expired. */
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, so we can't say yet. Nothing is lost; ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getProductAccess: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The product.
                 * @example prd_01kas4b7e9r5t1
                 */
                id: components["parameters"]["ProductId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Access"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    createOffSessionPayment: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "customer_id": "ctm_01kas5a1b2c3d4",
                 *       "lines": [
                 *         {
                 *           "product_id": "prd_01kas4b7e9r5t1",
                 *           "quantity": 1
                 *         }
                 *       ],
                 *       "payment_method": "pm_1SouK9Card"
                 *     }
                 */
                "application/json": components["schemas"]["OffSessionPaymentCreate"];
            };
        };
        responses: {
            /** @description The payment, on its way. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OffSessionPayment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. There is no such customer of yours, product, or card of the customer's; `param` says which. */
            404: components["responses"]["NotFound"];
            /** @description `mandate_missing`, `seller_not_active`, `product_archived`, `recurring_only`, `sold_out`, `idempotency_in_flight`. The buyer has not agreed to it, the seller can't take money, a product is archived, isn't sold once, or there is too little of it, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `mixed_sellers`, `mixed_currencies`, `payment_method_of_another_seller`, `amount_too_small`, `amount_too_large`, `idempotency_mismatch`. A field is wrong, the lines are of several sellers or of another than the customer's, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getOffSessionPayment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment.
                 * @example pay_01kas5c2n7x9z5
                 */
                id: components["parameters"]["OffSessionPaymentId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OffSessionPayment"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    listPaymentMethods: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payment methods. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentMethodList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getPaymentMethod: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment method. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentMethod"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    makePaymentMethodDefault: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The payment method, now the default. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentMethod"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    detachPaymentMethod: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payment method, by Stripe's id.
                 * @example pm_1SouK9Card
                 */
                id: components["parameters"]["PaymentMethodId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The payment method, no longer saved. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentMethod"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_refused`, `seller_not_active`. Stripe refuses, or the seller's account has disconnected. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    createSetupIntent: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seller_id": "sel_01kas3x0v4m2q8",
                 *       "mandate_text": "Mira's Lamps may charge this card for each delivery."
                 *     }
                 */
                "application/json": components["schemas"]["SetupIntentCreate"];
            };
        };
        responses: {
            /** @description The open setup intent. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller. */
            404: components["responses"]["NotFound"];
            /** @description `seller_not_active`, `charges_unsupported`, `stripe_refused`, `idempotency_in_flight`. The seller can't take money, Stripe refuses, or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer. Repeat with the same key. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getSetupIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The setup intent. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupIntent"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `stripe_unavailable`. Stripe did not answer, and only it has the `client_secret`. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    verifySetupIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description What is true now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer, so we can't say yet. Ask again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    cancelSetupIntent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The setup intent, by Stripe's id, or the Checkout Session that makes it.
                 * @example seti_1SouK9Setup
                 */
                id: components["parameters"]["SetupIntentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The setup intent, now canceled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupIntent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `setup_intent_not_open`. It has succeeded or ended. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; nothing is known to have changed. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    setupReturnPage: {
        parameters: {
            query?: {
                /**
                 * @description The checkout session, put there by Stripe in place of `{CHECKOUT_SESSION_ID}`.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                session_id?: components["parameters"]["ReturnedSessionId"];
                /**
                 * @description The setup intent, put there by Stripe.
                 * @example seti_1SouK9Setup
                 */
                setup_intent?: components["parameters"]["ReturnedSetupIntent"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says what is true. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>It is saved with Mira's Lamps. Nothing was charged.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description No such setup intent, or none given. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>The address is incomplete or wrong.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    setupCancelledPage: {
        parameters: {
            query?: {
                /**
                 * @description Our own id of the setup, put there by us, since Stripe puts no session's id into a `cancel_url`.
                 * @example sti_01kas5a1b2c3d4
                 */
                setup_id?: components["parameters"]["SetupIdQuery"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page that says what is true. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>Nothing was saved, and nothing was charged.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
            /** @description No such setup intent, or none given. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <p>The address is incomplete or wrong.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    listOrders: {
        parameters: {
            query?: {
                /** @description Only orders in this status. */
                status?: components["parameters"]["OrderStatusFilter"];
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /**
                 * @description Only what was created at this time or later (RFC 3339).
                 * @example 2026-11-01T00:00:00Z
                 */
                created_gte?: components["parameters"]["CreatedGte"];
                /**
                 * @description Only what was created before this time (RFC 3339).
                 * @example 2026-12-01T00:00:00Z
                 */
                created_lt?: components["parameters"]["CreatedLt"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of orders. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getOrder: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    listOrderEvents: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the timeline. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderEventList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    fulfilOrder: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "tracking_number": "1Z999AA10123456784",
                 *       "note": "Left with the courier"
                 *     }
                 */
                "application/json": components["schemas"]["OrderFulfil"];
            };
        };
        responses: {
            /** @description The order, fulfilled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; its seller fulfils it. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `order_not_paid`, `order_disputed`. The order is not paid, or its money is going back, or the buyer disputes the payment. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    cancelOrder: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "reason": "Changed my mind"
                 *     }
                 */
                "application/json": components["schemas"]["OrderCancel"];
            };
        };
        responses: {
            /** @description The order, cancelled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `order_already_paid`, `order_fulfilled`, `capture_in_progress`, `stripe_refused`. The order is paid or its payment is on the way, goods were sent, held money is being captured, or Stripe refuses. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; the order is as it was. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    listShipments: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of shipments. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShipmentList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createShipment: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "carrier": "UPS",
                 *       "tracking_number": "1Z999AA10123456784",
                 *       "tracking_url": "https://www.ups.com/track?tracknum=1Z999AA10123456784",
                 *       "lines": [
                 *         {
                 *           "order_line_id": "oln_01kas5c2m6w8y5",
                 *           "quantity": 1
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["ShipmentCreate"];
            };
        };
        responses: {
            /** @description The shipment. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; its seller sends it. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `order_not_paid`, `order_disputed`, `order_fulfilled`, `shipment_exceeds_ordered`, `idempotency_in_flight`. The order is not paid, or its money is going back, or the buyer disputes the payment; all of it, or more than is left of a line, was sent or refunded already; or the same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getShipment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The shipment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    updateShipment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "carrier": "UPS",
                 *       "tracking_number": "1Z999AA10123456785"
                 *     }
                 */
                "application/json": components["schemas"]["ShipmentUpdate"];
            };
        };
        responses: {
            /** @description The shipment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; its seller sends it. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `shipment_voided`. The shipment was voided. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    deliverShipment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "delivery_proof": "Signed for by S. Meyer"
                 *     }
                 */
                "application/json": components["schemas"]["ShipmentDeliver"];
            };
        };
        responses: {
            /** @description The shipment, delivered. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; its seller sends it. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `shipment_voided`. The shipment was voided. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    voidShipment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The shipment.
                 * @example shp_01kas6d4p8r2t7
                 */
                id: components["parameters"]["ShipmentId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "reason": "It never left the shop"
                 *     }
                 */
                "application/json": components["schemas"]["ShipmentVoid"];
            };
        };
        responses: {
            /** @description The shipment, voided. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; its seller sends it. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listOrderNotes: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of notes. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderNoteList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createOrderNote: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "kind": "message_from_buyer",
                 *       "text": "It has arrived, thank you!",
                 *       "happened_at": "2026-11-20T08:00:00.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["OrderNoteCreate"];
            };
        };
        responses: {
            /** @description The note. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderNote"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `idempotency_in_flight`. The same key is still being worked on. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listOrderFiles: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of files. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderFileList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createOrderFile: {
        parameters: {
            query: {
                /** @description What it shows, by the names of Stripe's evidence. */
                kind: components["schemas"]["OrderFileKind"];
                /** @description The shipment whose delivery it proves. */
                shipment_id?: components["schemas"]["ShipmentId"];
            };
            header?: never;
            path: {
                /**
                 * @description The order.
                 * @example ord_01kas5c2m6w8y4
                 */
                id: components["parameters"]["OrderId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example %PDF-1.7 */
                "application/pdf": string;
                "image/jpeg": string;
                "image/png": string;
            };
        };
        responses: {
            /** @description The file. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderFile"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. There is no such order, or `shipment_id` is none of its shipments. */
            404: components["responses"]["NotFound"];
            /** @description `too_many_files`. The order has as many files as an order can have. */
            409: components["responses"]["Conflict"];
            /** @description `payload_too_large`. A file has at most 5,000,000 bytes. */
            413: components["responses"]["PayloadTooLarge"];
            /** @description `unsupported_media_type`. Send application/pdf, image/jpeg or image/png. */
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`. A parameter is wrong, or the bytes are not of the type that was declared. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getOrderFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file.
                 * @example ofl_01kas6d4p8r2t9
                 */
                id: components["parameters"]["OrderFileId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file, without its bytes. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderFile"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    getOrderFileContent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The file.
                 * @example ofl_01kas6d4p8r2t9
                 */
                id: components["parameters"]["OrderFileId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; only its seller sees this. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    listRefunds: {
        parameters: {
            query?: {
                /** @description Only of this order. */
                order_id?: components["parameters"]["OrderFilter"];
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /** @description Only refunds in this status. */
                status?: components["parameters"]["RefundStatusFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of refunds. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `order_id` or `seller_id` names nothing of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    createRefund: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Makes repeating the request safe. See "Idempotency" above.
                 * @example 0f4c9a52-6f0e-4f0e-9d0f-5a3c2b1e7d11
                 */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "order_id": "ord_01kas5c2m6w8y4",
                 *       "amount": 1000,
                 *       "reason": "requested_by_customer",
                 *       "note": "One lamp was scratched",
                 *       "restock": true,
                 *       "lines": [
                 *         {
                 *           "order_line_id": "oln_01kas5c2m6w8y5",
                 *           "quantity": 1
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["RefundCreate"];
            };
        };
        responses: {
            /** @description The refund. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotent-Replayed": components["headers"]["Idempotent-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refund"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; ask its seller for a refund. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. `order_id` names no order of yours. */
            404: components["responses"]["NotFound"];
            /** @description `order_not_paid`, `refund_exceeds_paid`, `already_refunded`, `restock_exceeds_sold`, `refund_exceeds_bought`, `payment_disputed`, `idempotency_in_flight`. Nothing was paid, less than that is left (`param` is `amount` or `lines`), all of it has been given back, the buyer has disputed the payment, or the same key is still being worked on; `restock_exceeds_sold`: less was sold, or it is back already; `refund_exceeds_bought`: fewer units of a line were bought, or they are refunded already. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid_request`, `idempotency_mismatch`. A field is wrong, or the key was used with another body. */
            422: components["responses"]["UnprocessableContent"];
        };
    };
    previewRefund: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "order_id": "ord_01kas5c2m6w8y4",
                 *       "lines": [
                 *         {
                 *           "order_line_id": "oln_01kas5c2m6w8y5",
                 *           "quantity": 1
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["RefundCreate"];
            };
        };
        responses: {
            /** @description What it would do. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundPreview"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. You bought this order; ask its seller for a refund. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. `order_id` names no order of yours. */
            404: components["responses"]["NotFound"];
            /** @description As for `POST /v1/refunds`. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    cancelRefund: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Empty"];
            };
        };
        responses: {
            /** @description The refund, canceled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refund"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. The buyer can't cancel a refund. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `refund_not_cancelable`. It is in another state. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe did not answer; canceling twice does no harm. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    getRefund: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The refund. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refund"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    settleRefundOutsideStripe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The refund.
                 * @example rfd_01kas6f1g3h5j7
                 */
                id: components["parameters"]["RefundId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "note": "Paid by bank transfer on 3 December"
                 *     }
                 */
                "application/json": components["schemas"]["RefundSettle"];
            };
        };
        responses: {
            /** @description The refund, settled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refund"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. The buyer can't settle a refund. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `refund_not_failed`; `refund_made_good`: a later refund has returned the money, or the refund was canceled. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listDisputes: {
        parameters: {
            query?: {
                /** @description Only of this order. */
                order_id?: components["parameters"]["OrderFilter"];
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /**
                 * @description Only disputes in this status of Stripe's, which adds others.
                 * @example needs_response
                 */
                status?: components["parameters"]["DisputeStatusFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of disputes. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisputeList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getDispute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The dispute. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisputeWithEvidence"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    writeDisputeEvidence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "evidence": {
                 *         "customer_name": "Ada Lovelace",
                 *         "shipping_carrier": "DHL",
                 *         "shipping_tracking_number": "JD014600006281230701",
                 *         "uncategorized_text": "The parcel was handed over on 20 November."
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DisputeEvidenceUpdate"];
            };
        };
        responses: {
            /** @description The dispute. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisputeWithEvidence"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `dispute_closed`, `dispute_accepted`, `evidence_submitted`, `evidence_past_due`, `evidence_not_taken`. The dispute wants no evidence any more, it was accepted, evidence was submitted already, its time is over, or Stripe takes other evidence as the dispute stands (`param`): an appeal takes `appeal` alone. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    submitDisputeEvidence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "acknowledged_fee": {
                 *         "amount": 50000,
                 *         "currency": "usd"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DisputeSubmit"];
            };
        };
        responses: {
            /** @description The dispute. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisputeWithEvidence"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `dispute_closed`, `dispute_accepted`, `evidence_submitted`, `evidence_past_due`, `evidence_missing`, `fee_not_acknowledged`. The dispute wants no evidence any more, it was accepted, evidence was submitted already, its time is over, nothing is written, or submitting costs a fee (`param` is `acknowledged_fee`). */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe was asked how the dispute stands, and has not answered. Nothing was done. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    acceptDispute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The dispute, by Stripe's id (`du_…`; older ones `dp_…`).
                 * @example du_1SouK9Dispute
                 */
                id: components["parameters"]["DisputeId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["DisputeAccept"];
            };
        };
        responses: {
            /** @description The dispute. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DisputeWithEvidence"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            /** @description `dispute_closed`, `evidence_submitted`. The dispute wants no answer any more, or evidence was submitted. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            /** @description `stripe_unavailable`. Stripe was asked how the dispute stands, and has not answered. Nothing was done. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    listPayouts: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /** @description Only payouts in this status. */
                status?: components["parameters"]["PayoutStatusFilter"];
                /** @description Only in this currency. */
                currency?: components["parameters"]["CurrencyFilter"];
                /**
                 * @description Only payouts that arrive on this day or later. A date, or an RFC 3339 time.
                 * @example 2026-11-01
                 */
                arrival_gte?: components["parameters"]["ArrivalGte"];
                /**
                 * @description Only payouts that arrive on this day or earlier. A date means the whole day.
                 * @example 2026-11-30
                 */
                arrival_lte?: components["parameters"]["ArrivalLte"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payouts. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PayoutList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getPayout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The payout, by Stripe's id.
                 * @example po_1SouK9PayoutA
                 */
                id: components["parameters"]["PayoutId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payout. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Payout"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
        };
    };
    listPayoutTransactions: {
        parameters: {
            query?: {
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path: {
                /**
                 * @description The payout, by Stripe's id.
                 * @example po_1SouK9PayoutA
                 */
                id: components["parameters"]["PayoutId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of balance transactions. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceTransactionList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listLedgerBalances: {
        parameters: {
            query?: {
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The balances. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerBalanceList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `not_found`. `seller_id` names no seller of yours. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    reportApplicationFees: {
        parameters: {
            query?: {
                /**
                 * @description The length of a period, in UTC. By default a day.
                 * @example month
                 */
                interval?: components["parameters"]["IncomeInterval"];
                /**
                 * @description Only fees and returns of this day or later. A date, or an RFC 3339 time; by default 31 days back, or 366 where months
                 *     are asked for. It is at most 366 days before `created_lte`, or 3660 where months are asked for.
                 * @example 2026-11-01
                 */
                created_gte?: components["parameters"]["IncomeGte"];
                /**
                 * @description Only fees and returns of this day or earlier. A date means the whole day; by default now.
                 * @example 2026-11-30
                 */
                created_lte?: components["parameters"]["IncomeLte"];
                /** @description Only of this seller. */
                seller_id?: components["parameters"]["SellerFilter"];
                /** @description Only in this currency. */
                currency?: components["parameters"]["CurrencyFilter"];
                /**
                 * @description Whether each seller has rows of their own.
                 * @example true
                 */
                by_seller?: components["parameters"]["BySeller"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The income by period. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplicationFeeIncomeList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. `seller_id` names no seller. */
            404: components["responses"]["NotFound"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listFindings: {
        parameters: {
            query?: {
                /** @description Only open or only resolved findings. */
                state?: components["parameters"]["FindingStateFilter"];
                /** @description Only findings of this kind. */
                kind?: components["parameters"]["FindingKindFilter"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of findings. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FindingList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. Findings are for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getFinding: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The finding.
                 * @example fnd_01kas7k2l4m6n8
                 */
                id: components["parameters"]["FindingId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The finding. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Finding"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    resolveFinding: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The finding.
                 * @example fnd_01kas7k2l4m6n8
                 */
                id: components["parameters"]["FindingId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "note": "Refunded in the Stripe dashboard"
                 *     }
                 */
                "application/json": components["schemas"]["FindingResolve"];
            };
        };
        responses: {
            /** @description The finding, resolved. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Finding"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description Only events in this state. */
                state?: components["parameters"]["EventStateFilter"];
                /**
                 * @description Only events of this of Stripe's types.
                 * @example checkout.session.completed
                 */
                type?: components["parameters"]["EventTypeFilter"];
                /** @description Only of this connected account. */
                stripe_account?: components["parameters"]["StripeAccountFilter"];
                /** @description Only events that came to this endpoint, or would have come to it. */
                endpoint?: components["parameters"]["EndpointFilter"];
                /** @description Only what came in this way. */
                source?: components["parameters"]["EventSourceFilter"];
                /**
                 * @description Only events about this object of Stripe.
                 * @example cs_test_a1B2c3D4e5F6
                 */
                object_id?: components["parameters"]["ObjectFilter"];
                /**
                 * @description Only what was received at this time or later (RFC 3339).
                 * @example 2026-11-01T00:00:00Z
                 */
                received_gte?: components["parameters"]["ReceivedGte"];
                /**
                 * @description Only what was received before this time (RFC 3339).
                 * @example 2026-12-01T00:00:00Z
                 */
                received_lt?: components["parameters"]["ReceivedLt"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of events. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The event. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Event"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    replayEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "dry_run": true
                 *     }
                 */
                "application/json": components["schemas"]["EventReplayOne"];
            };
        };
        responses: {
            /** @description What it came to. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReplay"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    discardEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The event, by Stripe's id.
                 * @example evt_1SouKPaid
                 */
                id: components["parameters"]["EventId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The account was closed"
                 *     }
                 */
                "application/json": components["schemas"]["Discard"];
            };
        };
        responses: {
            /** @description The event, discarded. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Event"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `event_finished`. It has had its effect, has none, or is discarded already. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    replayEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "filters": {
                 *         "state": "dead",
                 *         "type": "checkout.session.completed"
                 *       },
                 *       "dry_run": true
                 *     }
                 */
                "application/json": components["schemas"]["EventReplayRange"];
            };
        };
        responses: {
            /** @description What each came to, in the order they were done in. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReplayList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            /** @description `not_found`. `starting_after` names no event. */
            404: components["responses"]["NotFound"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listJobs: {
        parameters: {
            query?: {
                /** @description Only jobs in this state. */
                state?: components["parameters"]["JobStateFilter"];
                /**
                 * @description Only jobs of this kind.
                 * @example refund
                 */
                kind?: components["parameters"]["JobKindFilter"];
                /**
                 * @description Only about this: an id.
                 * @example rfd_01kas6f1g3h5j7
                 */
                subject?: components["parameters"]["SubjectFilter"];
                /**
                 * @description Only what was created at this time or later (RFC 3339).
                 * @example 2026-11-01T00:00:00Z
                 */
                created_gte?: components["parameters"]["CreatedGte"];
                /**
                 * @description Only what was created before this time (RFC 3339).
                 * @example 2026-12-01T00:00:00Z
                 */
                created_lt?: components["parameters"]["CreatedLt"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of jobs. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
        };
    };
    retryJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /** @example {} */
                "application/json": components["schemas"]["Nothing"];
            };
        };
        responses: {
            /** @description The job, ready. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `job_leased`: a worker has it in hand. `job_done`: there is nothing left to do. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    discardJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The job.
                 * @example job_01kas5c2m6w8y4
                 */
                id: components["parameters"]["JobId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The address does not exist"
                 *     }
                 */
                "application/json": components["schemas"]["Discard"];
            };
        };
        responses: {
            /** @description The job, discarded. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description `job_leased`: a worker has it in hand. `job_done`: it is done or discarded already. `job_scheduled`: it is done again and again. */
            409: components["responses"]["Conflict"];
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    listAuditLog: {
        parameters: {
            query?: {
                /**
                 * @description Only what this user did; or `system`, `stripe`, `guest`, `cli`.
                 * @example usr_01kas2w9u4o7r2
                 */
                actor?: components["parameters"]["ActorFilter"];
                /**
                 * @description Only this action.
                 * @example event.replayed
                 */
                action?: components["parameters"]["ActionFilter"];
                /**
                 * @description Only about this: an id.
                 * @example rfd_01kas6f1g3h5j7
                 */
                subject?: components["parameters"]["SubjectFilter"];
                /**
                 * @description Only what was created at this time or later (RFC 3339).
                 * @example 2026-11-01T00:00:00Z
                 */
                created_gte?: components["parameters"]["CreatedGte"];
                /**
                 * @description Only what was created before this time (RFC 3339).
                 * @example 2026-12-01T00:00:00Z
                 */
                created_lt?: components["parameters"]["CreatedLt"];
                /**
                 * @description How many to give.
                 * @example 10
                 */
                limit?: components["parameters"]["Limit"];
                /** @description An id of this list; give what comes after it. Not together with `ending_before`. */
                starting_after?: components["parameters"]["StartingAfter"];
                /** @description An id of this list; give what comes before it. Not together with `starting_after`. */
                ending_before?: components["parameters"]["EndingBefore"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the audit log. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditLog"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    examineInstallation: {
        parameters: {
            query?: {
                /** @description Only what can be seen without Stripe. */
                offline?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found, also where something doesn't work. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoctorReport"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`. This is for admins. */
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
        };
    };
    receivePlatformEvent: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Stripe's signature, `t=…,v1=…`; there may be several `v1` while a secret is rolled. Without it the answer is 400 `invalid_signature`.
                 * @example t=1795554000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
                 */
                "Stripe-Signature": components["parameters"]["StripeSignature"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "id": "evt_1SouKPlatform",
                 *       "object": "event",
                 *       "type": "application_fee.created",
                 *       "livemode": false,
                 *       "created": 1795554000,
                 *       "data": {
                 *         "object": {
                 *           "id": "fee_1SouKFee",
                 *           "object": "application_fee",
                 *           "amount": 500
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["StripeEvent"];
            };
        };
        responses: {
            /** @description The event is committed, with its effect or with a visible failure. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            /** @description `invalid_signature`, `timestamp_out_of_tolerance`, `malformed_event`, `account_not_allowed`, `wrong_secret`. The event can't be trusted or read, or is a connected account's. */
            400: components["responses"]["BadRequest"];
            413: components["responses"]["PayloadTooLarge"];
            /** @description `busy`. The queue is full or the database is away. Stripe sends it again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    receiveConnectEvent: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description Stripe's signature, `t=…,v1=…`; there may be several `v1` while a secret is rolled. Without it the answer is 400 `invalid_signature`.
                 * @example t=1795554000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
                 */
                "Stripe-Signature": components["parameters"]["StripeSignature"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "id": "evt_1SouKPaid",
                 *       "object": "event",
                 *       "type": "checkout.session.completed",
                 *       "account": "acct_1SouK7Lamps",
                 *       "livemode": false,
                 *       "created": 1795554000,
                 *       "data": {
                 *         "object": {
                 *           "id": "cs_test_a1B2c3D4e5F6",
                 *           "object": "checkout.session",
                 *           "status": "complete",
                 *           "payment_status": "paid"
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["StripeEvent"];
            };
        };
        responses: {
            /** @description The event is committed, with its effect or with a visible failure. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookReceipt"];
                };
            };
            /** @description `invalid_signature`, `timestamp_out_of_tolerance`, `malformed_event`, `account_required`, `wrong_secret`. The event can't be trusted or read, or names no account. */
            400: components["responses"]["BadRequest"];
            413: components["responses"]["PayloadTooLarge"];
            /** @description `busy`. The queue is full or the database is away. Stripe sends it again. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    frontPage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <h1>Souk</h1><p>Simulated money. Read <a href="/docs">the docs</a>.</p> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description `busy`. The database does not answer, or the server is shutting down. */
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    contract: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This file. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example openapi: 3.1.0 */
                    "application/yaml": string;
                };
            };
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example <!doctype html><title>Souk API</title> */
                    "text/html": components["schemas"]["Html"];
                };
            };
        };
    };
}
