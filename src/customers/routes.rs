//! Customers and saved payment methods over HTTP, and the proof of an address that a guest needs for them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use souk_entity::customer::{self, Address};
use souk_entity::payment_method::{self, Column as C};
use souk_entity::tax_id::{self, TaxIdStatus};
use souk_entity::{
    AccountId, AddressVerificationId, CustomerId, Metadata, SellerId, TaxIdId, Timestamp, UserId,
    seller,
};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Empty, Filters, IdempotentJson, JsonObject, List, Paginate, Path, Unpaged, ValidJson,
    deserialize_some, page_by_time,
};
use crate::identity::{Buyer, Caller, CodeSender, MaybeCaller, RateLimited, addresses};
use crate::sellers;

use super::tax_ids::NewTaxId;
use super::{CustomerChange, guests, methods, tax_ids};

/// The room's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/address_verifications", post(verify_address))
        .route(
            "/v1/address_verifications/{id}/confirm",
            post(confirm_address),
        )
        .route("/v1/customers", get(list))
        .route("/v1/customers/me", get(read_own).patch(update_own))
        .route("/v1/customers/{id}", get(read))
        .route("/v1/tax_ids", post(add_tax_id))
        .route("/v1/tax_ids/{id}", get(read_tax_id))
        .route("/v1/tax_ids/{id}/remove", post(remove_tax_id))
        .route("/v1/payment_methods", get(list_methods))
        .route("/v1/payment_methods/{id}", get(read_method))
        .route("/v1/payment_methods/{id}/default", post(make_default))
        .route("/v1/payment_methods/{id}/detach", post(detach))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AddressVerificationCreate {
    /// Checked by the domain.
    email: String,
}

#[derive(Serialize)]
struct AddressVerificationView {
    id: AddressVerificationId,
    object: &'static str,
    email: String,
    expires_at: Timestamp,
    created_at: Timestamp,
}

/// The same for everybody, whoever's the address is.
async fn verify_address(
    _: RateLimited,
    State(app): State<App>,
    sender: CodeSender,
    ValidJson(new): ValidJson<AddressVerificationCreate>,
) -> Result<(StatusCode, Json<AddressVerificationView>)> {
    let row = addresses::open(&app, &sender, &new.email).await?;
    let view = AddressVerificationView {
        id: row.id,
        object: "address_verification",
        email: row.email,
        expires_at: row.expires_at,
        created_at: row.created_at,
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AddressConfirmation {
    #[validate(length(min = 8, max = 8, message = "code has 8 digits."))]
    code: String,
}

#[derive(Serialize)]
struct VerifiedAddressView {
    id: AddressVerificationId,
    object: &'static str,
    email: String,
    verified_at: Timestamp,
    guest_token: Option<String>,
    /// Seconds.
    expires_in: Option<i64>,
}

async fn confirm_address(
    _: RateLimited,
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<AddressVerificationId>,
    ValidJson(given): ValidJson<AddressConfirmation>,
) -> Answer<VerifiedAddressView> {
    let proved = guests::prove(&app, caller.as_ref(), &id, &given.code).await?;
    let expires_in = proved.token.as_ref().map(|_| addresses::TOKEN_SECONDS);
    Ok(Json(VerifiedAddressView {
        id,
        object: "verified_address",
        email: proved.email,
        verified_at: proved.at,
        guest_token: proved.token,
        expires_in,
    }))
}

#[derive(Serialize)]
struct CustomerView {
    id: CustomerId,
    object: &'static str,
    /// None: a guest's.
    user_id: Option<UserId>,
    seller_id: Option<SellerId>,
    stripe_customer: Option<String>,
    livemode: bool,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    address: Option<Address>,
    tax_ids: Vec<TaxIdView>,
    default_payment_method: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn view(
    row: customer::Model,
    seller: Option<SellerId>,
    tax_ids: Option<Vec<tax_id::Model>>,
) -> CustomerView {
    let tax_ids = tax_ids.into_iter().flatten();
    CustomerView {
        tax_ids: tax_ids
            .map(|one| tax_id_view(one, seller.clone()))
            .collect(),
        object: "customer",
        id: row.id,
        user_id: row.user_id,
        seller_id: seller,
        stripe_customer: row.stripe_customer,
        livemode: row.livemode,
        name: row.name,
        email: row.email,
        phone: row.phone,
        address: row.address.map(|address| address.0),
        default_payment_method: row.default_payment_method,
        metadata: row.metadata.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSeller {
    seller_id: SellerId,
}

/// The seller with whom a buyer is, and its account. One that has no account yet has no customers.
async fn account_of(app: &App, id: &SellerId) -> Result<(seller::Model, AccountId)> {
    let seller = sellers::find(&app.db.read, id).await?;
    let seller = seller.ok_or_else(|| Error::no_such("seller", "seller_id"))?;
    match seller.stripe_account.clone() {
        Some(account) => Ok((seller, account)),
        None => Err(Error::conflict(
            "seller_not_active",
            "This seller can't take payments yet.",
        )),
    }
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(OfSeller { seller_id }, paging): Filters<OfSeller>,
) -> Answer<List<CustomerView>> {
    let seller = sellers::owned(&app.db.read, &caller, &seller_id, "seller_id").await?;
    let page = super::of_seller(&seller)
        .page(&paging, customer::Column::Id, &app.db.read)
        .await?;
    let ids = page.0.iter().map(|row| row.id.clone()).collect();
    let mut tax_ids = tax_ids::of(&app.db.read, ids).await?;
    Ok(Json(paging.list(page, |row| {
        let theirs = tax_ids.remove(&row.id);
        view(row, Some(seller.id.clone()), theirs)
    })))
}

/// A customer with their tax ids.
async fn whole(app: &App, row: customer::Model, seller: Option<SellerId>) -> Answer<CustomerView> {
    let mut tax_ids = tax_ids::of(&app.db.read, vec![row.id.clone()]).await?;
    let theirs = tax_ids.remove(&row.id);
    Ok(Json(view(row, seller, theirs)))
}

async fn read_own(
    State(app): State<App>,
    buyer: Buyer,
    Unpaged(OfSeller { seller_id }, _): Unpaged<OfSeller>,
) -> Answer<CustomerView> {
    let (seller, account) = account_of(&app, &seller_id).await?;
    let row = super::of_buyer(&app.db.read, &buyer, &account, app.stripe.livemode()).await?;
    let row = row.ok_or(Error::NotFound("customer"))?;
    whole(&app, row, Some(seller.id)).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct CustomerUpdate {
    seller_id: SellerId,
    #[serde(default, deserialize_with = "deserialize_some")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "some_address")]
    address: Option<Option<Address>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    metadata: Option<Metadata>,
}

fn some_address<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Address>>, D::Error> {
    let given: Option<JsonObject<Address>> = Option::deserialize(deserializer)?;
    Ok(Some(given.map(|JsonObject(address)| address)))
}

async fn update_own(
    State(app): State<App>,
    buyer: Buyer,
    ValidJson(new): ValidJson<CustomerUpdate>,
) -> Answer<CustomerView> {
    let (seller, account) = account_of(&app, &new.seller_id).await?;
    let change = CustomerChange {
        name: new.name,
        phone: new.phone,
        address: new.address,
        metadata: new.metadata,
    };
    let row = super::update(&app, &buyer, &account, change).await?;
    whole(&app, row, Some(seller.id)).await
}

/// For the buyer, the seller's owner and admins; 404 for anyone else.
async fn read(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<CustomerId>,
) -> Answer<CustomerView> {
    let missing = Error::NotFound("customer");
    let Some(row) = super::find(&app.db.read, &id).await? else {
        return Err(missing);
    };
    let seller = sellers::by_account(&app.db.read, &row.stripe_account, row.livemode).await?;
    let may_see = buyer.user().is_some_and(|caller| {
        let owner = seller.as_ref().map(|one| &one.owner_id);
        owner == Some(caller.id()) || caller.is_admin()
    });
    if !may_see && !super::is_of(&row, &buyer) {
        return Err(missing);
    }
    whole(&app, row, seller.map(|seller| seller.id)).await
}

#[derive(Serialize)]
struct TaxIdView {
    id: TaxIdId,
    object: &'static str,
    customer_id: CustomerId,
    seller_id: Option<SellerId>,
    r#type: String,
    value: String,
    country: Option<String>,
    stripe_tax_id: Option<String>,
    status: TaxIdStatus,
    verification: Option<String>,
    /// Stripe's words.
    refusal: Option<String>,
    created_at: Timestamp,
}

fn tax_id_view(row: tax_id::Model, seller: Option<SellerId>) -> TaxIdView {
    TaxIdView {
        object: "tax_id",
        id: row.id,
        customer_id: row.customer_id,
        seller_id: seller,
        r#type: row.kind,
        value: row.value,
        country: row.country,
        stripe_tax_id: row.stripe_tax_id,
        status: row.status,
        verification: row.verification,
        refusal: row.failure,
        created_at: row.created_at,
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct TaxIdCreate {
    seller_id: SellerId,
    r#type: String,
    value: String,
}

async fn add_tax_id(
    State(app): State<App>,
    buyer: Buyer,
    request: IdempotentJson<TaxIdCreate>,
) -> Result<Response> {
    let principal = buyer.principal();
    let may_resume = request.may_resume();
    let work = async |id: TaxIdId, new: TaxIdCreate| {
        let (seller, account) = account_of(&app, &new.seller_id).await?;
        let (kind, value) = (new.r#type, new.value);
        let new = NewTaxId { kind, value };
        let row = tax_ids::add(&app, &buyer, &account, (id, may_resume), new).await?;
        Ok(tax_id_view(row, Some(seller.id)))
    };
    request.once(&app, &principal, work).await
}

async fn read_tax_id(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<TaxIdId>,
) -> Answer<TaxIdView> {
    let row = tax_ids::of_buyer(&app, &buyer, &id).await?;
    let seller = seller_of(&app, &row.stripe_account, row.livemode).await?;
    Ok(Json(tax_id_view(row, seller)))
}

async fn remove_tax_id(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<TaxIdId>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<TaxIdView> {
    let row = tax_ids::remove(&app, &buyer, &id).await?;
    let seller = seller_of(&app, &row.stripe_account, row.livemode).await?;
    Ok(Json(tax_id_view(row, seller)))
}

#[derive(Serialize)]
struct PaymentMethodView {
    id: String,
    object: &'static str,
    customer_id: CustomerId,
    seller_id: Option<SellerId>,
    r#type: String,
    brand: Option<String>,
    last4: Option<String>,
    exp_month: Option<i32>,
    exp_year: Option<i32>,
    wallet: Option<String>,
    is_default: bool,
    off_session: bool,
    detached_at: Option<Timestamp>,
    created_at: Timestamp,
}

fn method_view(
    row: payment_method::Model,
    customer: Option<&customer::Model>,
    seller: Option<SellerId>,
) -> PaymentMethodView {
    let default = customer.and_then(|customer| customer.default_payment_method.as_deref());
    PaymentMethodView {
        object: "payment_method",
        customer_id: row.customer_id,
        seller_id: seller,
        r#type: row.kind,
        brand: row.brand,
        last4: row.last4,
        exp_month: row.exp_month,
        exp_year: row.exp_year,
        wallet: row.wallet,
        is_default: default == Some(row.id.as_str()),
        off_session: row.mandate_id.is_some(),
        detached_at: row.detached_at,
        created_at: row.created_at,
        id: row.id,
    }
}

/// The seller of an account, as far as there is one.
async fn seller_of(app: &App, account: &AccountId, livemode: bool) -> Result<Option<SellerId>> {
    let seller = sellers::by_account(&app.db.read, account, livemode).await?;
    Ok(seller.map(|seller| seller.id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodFilters {
    seller_id: Option<SellerId>,
}

async fn list_methods(
    State(app): State<App>,
    buyer: Buyer,
    Filters(filters, paging): Filters<MethodFilters>,
) -> Answer<List<PaymentMethodView>> {
    let (db, livemode) = (&app.db.read, app.stripe.livemode());
    let with = match &filters.seller_id {
        Some(id) => {
            let seller = sellers::find(db, id).await?;
            Some(seller.ok_or_else(|| Error::no_such("seller", "seller_id"))?)
        }
        None => None,
    };
    let (customers, query) = methods::saved(db, &buyer, livemode, with.as_ref()).await?;
    let (_, visible) = methods::saved(db, &buyer, livemode, None).await?;
    let (rows, has_more) = page_by_time(query, visible, &paging, (C::CreatedAt, C::Id), db).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let seller = seller_of(&app, &row.stripe_account, row.livemode).await?;
        let customer = customers.iter().find(|one| one.id == row.customer_id);
        views.push(method_view(row, customer, seller));
    }
    Ok(Json(paging.list((views, has_more), |view| view)))
}

async fn shown(
    app: &App,
    (row, customer): (payment_method::Model, customer::Model),
) -> Answer<PaymentMethodView> {
    let seller = seller_of(app, &row.stripe_account, row.livemode).await?;
    Ok(Json(method_view(row, Some(&customer), seller)))
}

async fn read_method(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
) -> Answer<PaymentMethodView> {
    let found = methods::of_buyer(&app.db.read, &buyer, &id).await?;
    shown(&app, found).await
}

async fn make_default(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<PaymentMethodView> {
    shown(&app, methods::make_default(&app, &buyer, &id).await?).await
}

async fn detach(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<PaymentMethodView> {
    shown(&app, methods::detach(&app, &buyer, &id).await?).await
}
