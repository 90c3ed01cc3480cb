//! One of everything that an operation can be about, and everybody who may ask for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value, json};
use souk::findings::{self, NewFinding};
use souk::identity;

use crate::contract::{Operation, Parameter};
use crate::harness::{Call, PASSWORD, Shop, TestApp, User, checkout_from, on_postgres, text};

const DAY: i64 = 86_400;

/// Who asks. The guest holds the secret of an order of their own, not of the fixture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Guest,
    Buyer,
    Stranger,
    Seller,
    Rival,
    Admin,
}

impl Who {
    pub const ALL: [Self; 7] = [
        Self::Nobody,
        Self::Guest,
        Self::Buyer,
        Self::Stranger,
        Self::Seller,
        Self::Rival,
        Self::Admin,
    ];

    /// Whether the fixture's shop and order are none of theirs.
    pub fn is_outsider(self) -> bool {
        !matches!(self, Self::Buyer | Self::Seller | Self::Admin)
    }
}

/// A shop that has sold something, given a part of it back and been paid out.
pub struct Fixture {
    pub app: TestApp,
    pub shop: Shop,
    pub buyer: User,
    stranger: User,
    rival: Shop,
    admin: User,
    guest_secret: String,
    /// One of each kind of thing, by the prefix of its id.
    ids: BTreeMap<String, String>,
    made: AtomicU32,
}

async fn line_of(app: &TestApp, order: &str) -> String {
    let line = format!("SELECT id AS it FROM order_lines WHERE order_id = '{order}'");
    app.query(&line).await
}

impl Fixture {
    pub async fn new() -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let buyer = app.member("buyer").await;
        let lamp = app.product(&shop, 2500, Some(50)).await;
        let bought = app.checkout_by(&buyer, &lamp).await;
        app.pay(&bought).await;
        app.settle().await;
        let refund = part_returned(&app, &shop, &bought.order).await;
        for _ in 0..6 {
            app.advance(DAY).await;
            app.settle().await;
        }
        // The tokens have expired meanwhile.
        let (buyer, owner) = (app.login(&buyer).await, app.login(&shop.owner).await);
        let shop = Shop { owner, ..shop };
        let payouts = app.get("/v1/payouts").by(&shop.owner).expect(200).await;
        let [shipment, file] = sent(&app, &shop, &bought.order).await;
        let body = json!({ "seller_id": shop.id, "code": "SCENE", "percent_off": 20 });
        let code = app.post("/v1/promotion_codes", body).by(&shop.owner);
        let code = text(&code.expect(201).await, "id");
        let (stranger, admin) = (app.member("stranger").await, app.admin().await);
        let rival = app.new_shop("rival", "US").await;
        let guest_secret = app.checkout(&lamp).await.secret.expect("a guest's");
        let line = line_of(&app, &bought.order).await;
        let [setup, card, customer, charge] = saved_card(&app, &shop, &buyer, &lamp).await;
        let price = app.price(&shop, &lamp, 900).await;
        let [subscription, invoice] = subscribed(&app, &buyer, &price).await;
        let ids = [
            prevented_dispute(&app, &lamp).await,
            paid_intent(&app, &shop, &buyer, &lamp).await,
            app.query("SELECT MIN(id) AS it FROM setup_intents").await,
            setup,
            card,
            customer,
            tax_id(&app, &shop, &buyer).await,
            used_verification(&app).await,
            subscription,
            invoice,
            price,
            shop.id.clone(),
            buyer.id.clone(),
            lamp,
            bought.id,
            bought.order,
            charge,
            refund,
            code,
            shipment,
            file,
            text(&payouts["data"][0], "id"),
            shop.account.clone(),
            oldest(&app, "inbox_events WHERE state = 'processed'").await,
            oldest(&app, "jobs WHERE state = 'done'").await,
            finding(&app, &shop).await,
            line,
        ];
        app.settle().await;
        let kind = |id: &String| id.split('_').next().unwrap_or_default().to_owned();
        Self {
            ids: ids.into_iter().map(|id| (kind(&id), id)).collect(),
            made: AtomicU32::new(0),
            app,
            shop,
            buyer,
            stranger,
            rival,
            admin,
            guest_secret,
        }
    }

    fn user(&self, who: Who) -> Option<&User> {
        match who {
            Who::Nobody | Who::Guest => None,
            Who::Buyer => Some(&self.buyer),
            Who::Stranger => Some(&self.stranger),
            Who::Seller => Some(&self.shop.owner),
            Who::Rival => Some(&self.rival.owner),
            Who::Admin => Some(&self.admin),
        }
    }

    /// The call, made by them.
    pub async fn by<'a>(&self, who: Who, call: Call<'a>, operation: &Operation) -> Call<'a> {
        match (who, self.user(who)) {
            (Who::Guest, _) => call.with_secret(&self.guest_secret),
            // A session of its own, so that the others' tokens stay good.
            (_, Some(user)) if operation.id == "logout" => call.by(&self.app.login(user).await),
            (_, Some(user)) => call.by(user),
            (_, None) => call,
        }
    }

    /// Texts that strangers must never read.
    pub fn secrets(&self) -> Vec<&str> {
        let kinds = [
            "ord", "shp", "ofl", "rfd", "du", "po", "pmc", "seti", "pm", "ctm", "sub", "in",
        ]
        .map(|kind| self.ids[kind].as_str());
        let people = [
            &self.shop.account,
            &self.shop.owner.email,
            &self.buyer.email,
        ];
        let people = people.into_iter().map(String::as_str);
        kinds.into_iter().chain(people).collect()
    }

    /// The fixture's thing of this kind of id; none for other schemas.
    pub fn thing(&self, schema: &Value) -> Option<&str> {
        let kind = id_prefix(schema)?;
        let id = self.ids.get(kind);
        Some(id.unwrap_or_else(|| panic!("the fixture has no {kind}_…: put one into it")))
    }

    /// A value that a parameter takes.
    pub fn good(&self, operation: &Operation, parameter: &Parameter) -> String {
        let schema = &parameter.schema;
        if let Some(id) = self.thing(schema) {
            return id.to_owned();
        }
        match parameter.name.as_str() {
            "state" => {
                let purpose = operation.path.trim_start_matches('/').replace('/', "_");
                let subject = match purpose.as_str() {
                    "checkout_pay" => &self.ids["pay"],
                    _ => &self.shop.id,
                };
                identity::sign_state(&self.app.app, &purpose, subject, 60_000)
            }
            "starting_after" | "ending_before" => "abc_1".to_owned(),
            "currency" => "usd".to_owned(),
            "kind" if !schema["enum"].is_array() => "payout_failed".to_owned(),
            _ if schema["type"] == "integer" => schema["maximum"].to_string(),
            _ if schema["enum"].is_array() => schema["enum"][0].as_str().unwrap_or("").to_owned(),
            _ => "2026-11-20T00:00:00Z".to_owned(),
        }
    }

    /// The path, with this thing's id where it has one, and this query beside what is required.
    pub fn path(&self, operation: &Operation, id: Option<&str>, query: &[(&str, &str)]) -> String {
        let mut path = operation.path.clone();
        for parameter in operation.parameters_in("path") {
            let ours = self.thing(&parameter.schema);
            let id = id.or(ours).expect("an id in the path");
            path = path.replace(&format!("{{{}}}", parameter.name), id);
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        for required in operation.parameters_in("query").filter(|p| p.required) {
            if !query.iter().any(|(name, _)| *name == required.name) {
                form.append_pair(&required.name, &self.good(operation, required));
            }
        }
        let query = form.extend_pairs(query).finish();
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    }

    /// The contract's example of a body, about the fixture's things.
    pub async fn body(&self, operation: &Operation) -> Value {
        let Some(body) = &operation.body else {
            return Value::Null;
        };
        let mut good = self.about_us(&body.example);
        let mut set = |name: &str, value: &str| good[name] = json!(value);
        let n = self.made.fetch_add(1, Ordering::SeqCst);
        match operation.id.as_str() {
            "register" => set("email", &format!("new{n}@example.com")),
            // Codes to one address are rationed.
            "createAddressVerification" => set("email", &format!("proved{n}@example.com")),
            "login" => {
                set("email", &self.buyer.email);
                set("password", PASSWORD);
            }
            "refreshTokens" => {
                let body = json!({ "email": self.buyer.email, "password": PASSWORD });
                let pair = self.app.post("/v1/auth/login", body).expect(200).await;
                set("refresh_token", &text(&pair, "refresh_token"));
            }
            "onboardingRefresh" => {
                let state = "onboarding_refresh";
                let state = identity::sign_state(&self.app.app, state, &self.shop.id, 60_000);
                set("state", &state);
                set("email", &self.shop.owner.email);
                set("password", PASSWORD);
            }
            "openPaymentPage" => {
                let app = &self.app.app;
                let state = identity::sign_state(app, "checkout_pay", &self.ids["pay"], 60_000);
                set("state", &state);
            }
            // The only origin that is allowed here.
            "createOnboardingLink" => set("return_url", "http://shop.test/selling"),
            // The buyer has one already.
            "createSubscription" => good["allow_another_subscription"] = json!(true),
            "createPromotionCode" => set("code", &format!("CODE{n}")),
            // More than was paid: refused only once it is known that the caller may refund.
            "createRefund" => good["amount"] = json!(999_999_999_999_i64),
            _ => {}
        }
        good
    }

    fn about_us(&self, example: &Value) -> Value {
        match example {
            Value::String(text) => {
                let kind = text.split('_').next().unwrap_or_default();
                json!(self.ids.get(kind).unwrap_or(text))
            }
            Value::Array(list) => list.iter().map(|one| self.about_us(one)).collect(),
            Value::Object(map) => {
                let inner = map
                    .iter()
                    .map(|(name, one)| (name.clone(), self.about_us(one)));
                Value::Object(inner.collect::<Map<_, _>>())
            }
            plain => plain.clone(),
        }
    }

    /// The request that the contract's examples make.
    pub fn request(&self, operation: &Operation, path: &str, body: &Value) -> Call<'_> {
        let call = self.app.call(&operation.method, path);
        match &operation.body {
            Some(kind) => call.content(&kind.content_type, encoded(&kind.content_type, body)),
            None => call,
        }
    }

    /// How many rows each table has, as a text to be compared.
    pub async fn rows(&self) -> String {
        let tables: String = if on_postgres() {
            let names = "SELECT string_agg(tablename::text, ',') AS it FROM pg_tables WHERE schemaname = 'public'";
            self.app.query(names).await
        } else {
            let names = "SELECT group_concat(name) AS it FROM sqlite_master WHERE type = 'table'";
            self.app.query(names).await
        };
        let counts: Vec<String> = tables
            .split(',')
            .map(|table| format!("'{table} ' || (SELECT COUNT(*) FROM \"{table}\")"))
            .collect();
        assert!(counts.len() > 20, "{tables}");
        let query = format!("SELECT {} AS it", counts.join(" || ', ' || "));
        self.app.query(&query).await
    }
}

/// The id of the oldest of some rows.
async fn oldest(app: &TestApp, of: &str) -> String {
    app.query(&format!("SELECT MIN(id) AS it FROM {of}")).await
}

/// A refund of a part of an order.
async fn part_returned(app: &TestApp, shop: &Shop, order: &str) -> String {
    let body = json!({ "order_id": order, "amount": 1000 });
    let refund = app.post("/v1/refunds", body).by(&shop.owner).expect(201);
    text(&refund.await, "id")
}

/// A subscription of the buyer's, and its first invoice.
async fn subscribed(app: &TestApp, buyer: &User, price: &str) -> [String; 2] {
    let body = json!({ "mode": "subscription", "lines": [{ "price_id": price, "quantity": 1 }] });
    let opened = app.post("/v1/checkout_sessions", body).by(buyer);
    app.pay(&checkout_from(&opened.expect(201).await)).await;
    app.settle().await;
    let all = app.get("/v1/subscriptions").by(buyer).expect(200).await;
    let made = &all["data"][0];
    [text(made, "id"), text(made, "latest_invoice")]
}

/// An intent of the buyer's that was paid.
async fn paid_intent(app: &TestApp, shop: &Shop, buyer: &User, product: &str) -> String {
    let body = json!({ "lines": [{ "product_id": product, "quantity": 1 }] });
    let intent = app.post("/v1/payment_intents", body).by(buyer).expect(201);
    let intent = text(&intent.await, "id");
    let form = [
        ("payment_method", "pm_card_visa"),
        ("return_url", "http://shop.test/"),
    ];
    let path = format!("/payment_intents/{intent}/confirm");
    app.stripe_api("POST", &path, &shop.account, &form).await;
    intent
}

/// The proof of an address, by a code that is used.
async fn used_verification(app: &TestApp) -> String {
    let mailed = app.mailed_code("proved@example.com").await;
    app.prove(&mailed).await;
    mailed.0
}

/// Another than the contract's example.
async fn tax_id(app: &TestApp, shop: &Shop, buyer: &User) -> String {
    let body = json!({ "seller_id": shop.id, "type": "gb_vat", "value": "GB123456789" });
    let tax_id = app.post("/v1/tax_ids", body).by(buyer).expect(201).await;
    text(&tax_id, "id")
}

/// A card that the buyer has saved, and a charge on it: the setup intent's id, its own, the customer's, and the payment's.
async fn saved_card(app: &TestApp, shop: &Shop, buyer: &User, product: &str) -> [String; 4] {
    let setup = app.save_card(buyer, shop, "pm_card_visa").await;
    let path = format!("/v1/setup_intents/{setup}");
    let saved = app.get(path).by(buyer).expect(200).await;
    let [card, customer] = ["payment_method", "customer_id"].map(|name| text(&saved, name));
    let body = json!({
        "customer_id": customer, "payment_method": card, "lines": [{ "product_id": product, "quantity": 1 }],
    });
    let charge = app.post("/v1/off_session_payments", body).by(&shop.owner);
    let charge = text(&charge.expect(201).await, "id");
    [setup, card, customer, charge]
}

/// A dispute of another sale, which wants no answer.
async fn prevented_dispute(app: &TestApp, product: &str) -> String {
    let sale = app.sale(product).await;
    let charge = format!(
        "SELECT charge AS it FROM payments WHERE id = '{}'",
        sale.payment
    );
    let charge: String = app.query(&charge).await;
    let path = format!("/charges/{charge}/dispute");
    let dispute = app.simulate(&path, json!({ "prevented": "block" })).await;
    app.settle().await;
    text(&dispute, "id")
}

/// Sends an order, and keeps a file with it. The ids of both.
async fn sent(app: &TestApp, shop: &Shop, order: &str) -> [String; 2] {
    let path = format!("/v1/orders/{order}/shipments");
    let shipment = app.post(path, json!({})).by(&shop.owner).expect(201).await;
    let path = format!("/v1/orders/{order}/files?kind=receipt");
    let file = app
        .call("POST", path)
        .content("application/pdf", "%PDF-1.7");
    let file = file.by(&shop.owner).expect(201).await;
    [text(&shipment, "id"), text(&file, "id")]
}

/// Raises a finding.
async fn finding(app: &TestApp, shop: &Shop) -> String {
    let tx = app.app.db.begin_write().await.expect("a transaction");
    let finding = NewFinding {
        kind: "payout_failed",
        stripe_account: Some(shop.account.as_str().into()),
        subject: "po_nowhere".to_owned(),
        message: "A payout failed.".to_owned(),
        amount: Some(1),
        currency: Some("usd".to_owned()),
    };
    findings::raise(&tx, finding).await.expect("it is raised");
    tx.commit().await.expect("a commit");
    app.query("SELECT MIN(id) AS it FROM findings").await
}

/// `sel` of `^sel_[0-9a-z]+$`; none where it's a schema of something else.
pub fn id_prefix(schema: &Value) -> Option<&str> {
    let (prefix, _) = schema["pattern"]
        .as_str()?
        .strip_prefix('^')?
        .split_once('_')?;
    let plain = prefix.chars().all(|c| c.is_ascii_lowercase());
    (plain && !prefix.is_empty()).then_some(prefix)
}

/// A body as JSON, as the form that its fields make, or a file as it is.
pub fn encoded(content_type: &str, body: &Value) -> Vec<u8> {
    if let Value::String(file) = body {
        return file.clone().into_bytes();
    }
    if content_type == "application/json" {
        return body.to_string().into_bytes();
    }
    let fields = body.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    form.into_bytes()
}
