//! Disputes over HTTP.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use souk_entity::dispute_submission::{self, SubmissionStatus};
use souk_entity::{OrderFileId, OrderId, PaymentId, SellerId, Timestamp, dispute, payment_order};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, FilterValue, Filters, List, Path, ValidJson, json_object, page_by_time};
use crate::identity::Caller;
use crate::{money, sellers};

use super::pack::{self, Completeness, Missing, Pack};
use super::{acceptance, appeal, evidence, submission};

/// The routes of disputes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/disputes", get(list))
        .route("/v1/disputes/{id}", get(read))
        .route("/v1/disputes/{id}/evidence", patch(write))
        .route("/v1/disputes/{id}/submit", post(submit))
        .route("/v1/disputes/{id}/accept", post(accept))
}

/// A dispute, and whoever may answer it: its seller's owner, or an admin.
struct DisputeAccess {
    dispute: dispute::Model,
    actor: String,
}

impl FromRequestParts<App> for DisputeAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Path(id) = Path::<String>::from_request_parts(parts, app).await?;
        let dispute = super::find(&app.db.read, &id).await?;
        sellers::owned(&app.db.read, &caller, &dispute.seller_id, "id")
            .await
            .map_err(|e| match e {
                Error::NoSuch { .. } => Error::NotFound("dispute"),
                e => e,
            })?;
        Ok(Self {
            dispute,
            actor: caller.principal(),
        })
    }
}

#[derive(Serialize)]
struct DisputeResource {
    id: String,
    object: &'static str,
    order_id: OrderId,
    payment_id: PaymentId,
    seller_id: SellerId,
    amount: i64,
    currency: String,
    reason: String,
    status: String,
    case_type: Option<String>,
    network_reason_code: Option<String>,
    is_charge_refundable: bool,
    funds_withdrawn: bool,
    evidence_due_by: Option<Timestamp>,
    seconds_left: Option<i64>,
    has_evidence: bool,
    past_due: bool,
    submission_count: i64,
    enhanced_eligibility: Value,
    fee: Option<FeeResource>,
    submission: Option<SubmissionResource>,
    accept_requested_at: Option<Timestamp>,
    livemode: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct FeeResource {
    programme: &'static str,
    amount: i64,
    currency: &'static str,
}

#[derive(Serialize)]
struct SubmissionResource {
    status: SubmissionStatus,
    failure_code: Option<String>,
    failure_reason: Option<String>,
    created_at: Timestamp,
    submitted_at: Option<Timestamp>,
}

impl DisputeResource {
    fn of(
        row: dispute::Model,
        submission: Option<dispute_submission::Model>,
        now: Timestamp,
    ) -> Self {
        // Counted down as long as an answer is wanted.
        let until = row
            .evidence_due_by
            .filter(|_| super::wants_answer(&row.status));
        Self {
            object: "dispute",
            seconds_left: until.map(|until| (until.seconds() - now.seconds()).max(0)),
            fee: submission::fee(&row).map(|fee| FeeResource {
                programme: fee.programme,
                amount: fee.amount,
                currency: fee.currency,
            }),
            submission: submission.map(|it| SubmissionResource {
                status: it.status,
                failure_code: it.failure_code,
                failure_reason: it.failure_reason,
                created_at: it.created_at,
                submitted_at: it.submitted_at,
            }),
            id: row.id,
            order_id: row.order_id,
            payment_id: row.payment_id,
            seller_id: row.seller_id,
            amount: row.amount,
            currency: row.currency,
            reason: row.reason,
            status: row.status,
            case_type: row.case_type,
            network_reason_code: row.network_reason_code,
            is_charge_refundable: row.is_charge_refundable,
            funds_withdrawn: row.funds_withdrawn,
            evidence_due_by: row.evidence_due_by,
            has_evidence: row.has_evidence,
            past_due: row.past_due,
            submission_count: row.submission_count,
            enhanced_eligibility: row.enhanced_eligibility.0,
            accept_requested_at: row.accept_requested_at,
            livemode: row.livemode,
            created_at: row.stripe_created,
            updated_at: row.updated_at,
        }
    }
}

/// A dispute with the evidence that is written so far.
#[derive(Serialize)]
struct WithEvidence {
    #[serde(flatten)]
    dispute: DisputeResource,
    evidence: Map<String, Value>,
    evidence_pack: PackResource,
}

/// What is submitted where the written evidence says nothing, and what both lack.
#[derive(Serialize)]
struct PackResource {
    fields: Map<String, Value>,
    files: BTreeMap<&'static str, OrderFileId>,
    completeness: i64,
    missing: Vec<Missing>,
}

async fn with_evidence(app: &App, id: &str) -> Answer<WithEvidence> {
    let row = super::find(&app.db.read, id).await?;
    let submission = submission::of_phase(&app.db.read, &row).await?;
    let evidence = evidence::draft(&app.db.read, id).await?;
    let pack = match appeal::is_appeal(&row.status) {
        true => Pack::of_appeal(),
        false => pack::pack(&app.db.read, &row).await?,
    };
    let Completeness { score, missing } = pack.completeness(&evidence);
    Ok(Json(WithEvidence {
        evidence,
        evidence_pack: PackResource {
            fields: pack.fields,
            files: pack.files,
            completeness: score,
            missing,
        },
        dispute: DisputeResource::of(row, submission, app.clock.now()),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeFilters {
    order_id: Option<OrderId>,
    seller_id: Option<SellerId>,
    /// Stripe adds statuses.
    status: Option<FilterValue>,
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<DisputeFilters>,
) -> Answer<List<DisputeResource>> {
    use dispute::Column as C;
    let mut visible = dispute::Entity::find();
    if let Some(seller) = &filters.seller_id {
        sellers::owned(&app.db.read, &caller, seller, "seller_id").await?;
        visible = visible.filter(C::SellerId.eq(seller.clone()));
    } else if !caller.is_admin() {
        let owned = sellers::owned_ids(&app.db.read, &caller).await?;
        visible = visible.filter(C::SellerId.is_in(owned));
    }
    let mut query = visible.clone();
    if let Some(order) = filters.order_id {
        // A payment may pay for several.
        let mut paid_for = Query::select();
        paid_for
            .column(payment_order::Column::PaymentId)
            .from(payment_order::Entity)
            .and_where(payment_order::Column::OrderId.eq(order));
        query = query.filter(C::PaymentId.in_subquery(paid_for));
    }
    if let Some(status) = filters.status {
        query = query.filter(C::Status.eq(status.as_ref()));
    }
    let by = (C::StripeCreated, C::Id);
    let (rows, has_more): (Vec<dispute::Model>, bool) =
        page_by_time(query, visible, &paging, by, &app.db.read).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    let submissions = submission::of_disputes(&app.db.read, &ids).await?;
    let mut submissions: HashMap<_, _> = submissions
        .into_iter()
        .map(|it| ((it.dispute_id.clone(), it.phase), it))
        .collect();
    let now = app.clock.now();
    Ok(Json(paging.list((rows, has_more), |row| {
        let submission = submissions.remove(&(row.id.clone(), row.phase));
        DisputeResource::of(row, submission, now)
    })))
}

async fn read(State(app): State<App>, access: DisputeAccess) -> Answer<WithEvidence> {
    with_evidence(&app, &access.dispute.id).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct EvidenceUpdate {
    evidence: evidence::Changes,
}

async fn write(
    State(app): State<App>,
    access: DisputeAccess,
    ValidJson(update): ValidJson<EvidenceUpdate>,
) -> Answer<WithEvidence> {
    let DisputeAccess { dispute, actor } = access;
    evidence::write(&app, &dispute, &actor, update.evidence).await?;
    with_evidence(&app, &dispute.id).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Submit {
    #[serde(default, deserialize_with = "some_fee")]
    #[validate(nested)]
    acknowledged_fee: Option<AcknowledgedFee>,
}

fn some_fee<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<AcknowledgedFee>, D::Error> {
    json_object(deserializer).map(Some)
}

/// The dispute's `fee`, as the seller has read it.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AcknowledgedFee {
    #[validate(range(
        min = 1,
        max = money::MAX_AMOUNT,
        message = "amount is 1 to 999999999999 minor units."
    ))]
    amount: i64,
    currency: String,
}

async fn submit(
    State(app): State<App>,
    access: DisputeAccess,
    ValidJson(body): ValidJson<Submit>,
) -> Answer<WithEvidence> {
    let DisputeAccess { dispute, actor } = access;
    let said = body.acknowledged_fee;
    let said = said.map(|fee| (fee.amount, fee.currency));
    let dispute = super::as_at_stripe(&app, &dispute).await?;
    submission::request(&app, &dispute, &actor, said).await?;
    with_evidence(&app, &dispute.id).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Accept {}

async fn accept(
    State(app): State<App>,
    access: DisputeAccess,
    ValidJson(Accept {}): ValidJson<Accept>,
) -> Answer<WithEvidence> {
    let DisputeAccess { dispute, actor } = access;
    let dispute = super::as_at_stripe(&app, &dispute).await?;
    acceptance::request(&app, &dispute, &actor).await?;
    with_evidence(&app, &dispute.id).await
}
