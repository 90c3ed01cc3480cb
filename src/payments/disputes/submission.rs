//! Evidence goes to the bank once in each phase of a dispute, since Stripe typically takes it once. Our row comes first, then a
//! job sends it; after an unknown outcome Stripe is asked how often evidence was submitted.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
};
use serde_json::{Value, json};
use souk_entity::dispute_submission::{self, SubmissionStatus};
use souk_entity::ids::RowId;
use souk_entity::{JsonText, OrderFileId, SubmissionId, Timestamp, dispute, order_file};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job, Recipient};
use crate::stripe::requests::disputes as request;
use crate::stripe::views::{DisputeView, IdView};
use crate::stripe::{IdempotentCreate, Scope, Upload, key_until};
use crate::{audit, ids, money, orders};

use super::super::{attempts_text, lock_payment};
use super::{appeal, evidence, is_open_for_evidence, pack, wants_answer};

/// The kind of the finding about evidence that Stripe refused, or that was given up.
pub const KIND: &str = "dispute_evidence_not_submitted";

/// A fee that the networks take for evidence against a compliance dispute, and that the seller must know of first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Stripe's name of the programme, such as `visa_compliance`.
    pub programme: &'static str,
    /// Minor units.
    pub amount: i64,
    /// Lower case. The seller's account may be charged as much in its own currency.
    pub currency: &'static str,
}

/// docs.stripe.com/disputes/api/visa-compliance and …/mastercard-compliance: 500 USD, or as much in another currency.
const FEES: [Fee; 2] = [
    Fee {
        programme: "visa_compliance",
        amount: 50_000,
        currency: "usd",
    },
    Fee {
        programme: "mastercard_compliance",
        amount: 50_000,
        currency: "usd",
    },
];

/// The fee of evidence against this dispute. None: it costs nothing, or Stripe asks for no acknowledgement, as with an appeal.
pub fn fee(row: &dispute::Model) -> Option<Fee> {
    if appeal::is_appeal(&row.status) {
        return None;
    }
    let eligibility = &row.enhanced_eligibility.0;
    FEES.into_iter()
        .find(|fee| !eligibility[fee.programme].is_null())
}

/// The submission of a dispute's present phase.
///
/// # Errors
/// The database failed.
pub async fn of_phase<C: ConnectionTrait>(
    db: &C,
    row: &dispute::Model,
) -> Result<Option<dispute_submission::Model>> {
    use dispute_submission::Column as C;
    Ok(dispute_submission::Entity::find()
        .filter(C::DisputeId.eq(row.id.clone()))
        .filter(C::Phase.eq(row.phase))
        .one(db)
        .await?)
}

/// Whether nothing was submitted in a dispute's present phase, or only what Stripe refused.
///
/// # Errors
/// The database failed.
pub async fn is_wanted(tx: &Tx, row: &dispute::Model) -> Result<bool> {
    let submission = of_phase(tx, row).await?;
    Ok(submission.is_none_or(|it| it.status == SubmissionStatus::Refused))
}

/// Refuses what would come beside a submission of this phase.
///
/// # Errors
/// `evidence_submitted`.
pub async fn none_under_way(tx: &Tx, row: &dispute::Model) -> Result<()> {
    match is_wanted(tx, row).await? {
        true => Ok(()),
        false => Err(Error::conflict(
            "evidence_submitted",
            "Evidence against this dispute was submitted already, which can be done once.",
        )),
    }
}

/// Has the evidence of a dispute submitted, once in its phase: a second call changes nothing. `acknowledged` is the fee that
/// the seller has agreed to, as they read it.
///
/// # Errors
/// The dispute wants no evidence, its time is over, it was accepted, there is no evidence, or a fee isn't acknowledged.
pub async fn request(
    app: &App,
    row: &dispute::Model,
    by: &str,
    acknowledged: Option<(i64, String)>,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    lock_payment(&tx, &row.payment_id).await?;
    let row = super::find(&tx, &row.id).await?;
    let earlier = of_phase(&tx, &row).await?;
    if earlier
        .as_ref()
        .is_some_and(|it| it.status != SubmissionStatus::Refused)
    {
        return Ok(());
    }
    is_open_for_evidence(&row, tx.now())?;
    let draft = evidence::draft(&tx, &row.id).await?;
    let mut fields = if appeal::is_appeal(&row.status) {
        appeal::to_submit(&draft)?
    } else {
        evidence::to_submit(draft, evidence::known(pack::pack(&tx, &row).await?))?
    };
    if let Some(fee) = fee(&row) {
        check_acknowledged(fee, acknowledged)?;
        fields["enhanced_evidence"][fee.programme] = json!({ "fee_acknowledged": true });
    }
    let number = earlier.as_ref().map_or(1, |it| it.key_number + 1);
    let submission = dispute_submission::Model {
        id: earlier.map_or_else(|| ids::new(tx.now()), |it| it.id),
        dispute_id: row.id.clone(),
        phase: row.phase,
        status: SubmissionStatus::Requested,
        fields: JsonText(fields),
        count_before: row.submission_count,
        failure_code: None,
        failure_reason: None,
        key_number: number,
        key_until: key_until(tx.now()),
        requested_by: by.to_owned(),
        submitted_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    store(&tx, &submission, number > 1).await?;
    let data = json!({ "dispute": row.id, "fee": fee(&row).map(|fee| fee.programme) });
    super::log(
        &tx,
        &row.payment_id,
        "dispute_evidence_requested",
        data.clone(),
    )
    .await?;
    audit::record(&tx, by, "dispute.evidence_submitted", &row.id, data).await?;
    let submission = submission.id;
    jobs::stage(&tx, &Job::SubmitEvidence { submission }).await?;
    tx.commit().await
}

async fn store(tx: &Tx, row: &dispute_submission::Model, again: bool) -> Result<()> {
    let new = row.clone().into_active_model();
    if again {
        let new = new.reset_all();
        dispute_submission::Entity::update(new).exec(tx).await?;
    } else {
        dispute_submission::Entity::insert(new)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

fn check_acknowledged(fee: Fee, said: Option<(i64, String)>) -> Result<()> {
    if said == Some((fee.amount, fee.currency.to_owned())) {
        return Ok(());
    }
    let costs = money::display(fee.amount, fee.currency);
    Err(Error::Conflict {
        code: "fee_not_acknowledged",
        param: Some("acknowledged_fee".to_owned()),
        message: format!(
            "Evidence against this dispute costs {costs}, which comes back only if it is won. To submit it, send the dispute's fee as \
             acknowledged_fee."
        ),
    })
}

async fn row<C: ConnectionTrait>(db: &C, id: &SubmissionId) -> Result<dispute_submission::Model> {
    let found = dispute_submission::Entity::find_by_id(id.clone())
        .one(db)
        .await?;
    found.ok_or_else(|| Error::internal(format!("submission {id} is missing")))
}

/// The job: submits evidence, and has the dispute read again. Evidence of an earlier phase goes first, or never.
///
/// # Errors
/// Stripe has not answered, or an earlier phase's evidence is under way. A refusal is a finding and no error.
pub async fn submit(app: &App, id: &SubmissionId) -> Result<()> {
    let mut submission = row(&app.db.read, id).await?;
    if submission.status != SubmissionStatus::Requested {
        return Ok(());
    }
    let dispute = super::find(&app.db.read, &submission.dispute_id).await?;
    let counted = counted_before(app, &submission).await?;
    let is_appeal = !submission.fields.0[appeal::FIELD].is_null();
    let is_there = |view: &DisputeView| {
        let details = view.evidence_details.as_ref();
        details.is_some_and(|details| details.submission_count > counted)
            // Whether Stripe counts appeals isn't documented.
            || (is_appeal && view.status == "appeal_under_review")
    };
    let scope = app.stripe.at(&dispute.stripe_account);
    let read = async || {
        scope
            .get::<DisputeView, _>(&request::retrieve(&dispute.id))
            .await
    };
    if dispute.phase != submission.phase || counted != submission.count_before {
        let view = read().await?;
        let is_late = dispute.phase != submission.phase || !wants_answer(&view.status);
        if is_there(&view) || is_late {
            let refused = (!is_there(&view)).then(Refusal::too_late);
            return settle(app, &dispute, &submission, refused).await;
        }
    }
    match upload_files(app, &scope, &mut submission).await {
        Err(Error::StripeRefused(fault)) => {
            return end(app, &submission, Some(Refusal::of(&fault))).await;
        }
        uploaded => uploaded?,
    }
    let find_existing = async { Ok(is_there(&read().await?).then_some(())) };
    let mut update = scope.prepare(&request::submit(&dispute.id, &submission.fields.0));
    if is_appeal {
        appeal::API_VERSION.clone_into(&mut update.version);
    }
    let (number, until) = (submission.key_number, submission.key_until);
    let sent = IdempotentCreate::of(dispute_submission::Entity, id, number, until)
        .make(&app.db, app.clock.now(), find_existing, async |n| {
            let key = format!("evidence:{id}:{n}");
            app.stripe.send::<Value>(&update, &key).await.map(drop)
        })
        .await;
    let refused = match sent {
        Ok(()) => None,
        Err(Error::StripeRefused(fault)) => {
            // An earlier try may have come through, and the bank decided since.
            (!is_there(&read().await?)).then(|| Refusal::of(&fault))
        }
        Err(e) => return Err(e),
    };
    settle(app, &dispute, &submission, refused).await
}

/// Has the dispute read before the end is stored, since whether a refusal needs a person depends on how the dispute stands.
async fn settle(
    app: &App,
    dispute: &dispute::Model,
    submission: &dispute_submission::Model,
    refused: Option<Refusal>,
) -> Result<()> {
    super::sync(app, &dispute.stripe_account, dispute.livemode, &dispute.id).await?;
    end(app, submission, refused).await
}

/// How often evidence had been submitted before this, by Stripe's count: as it was when this was asked for, or more if an
/// earlier phase's came through since.
///
/// # Errors
/// An earlier phase's evidence may still be on its way. Its job is staged again, in case it was given up.
async fn counted_before(app: &App, submission: &dispute_submission::Model) -> Result<i64> {
    use dispute_submission::Column as C;
    let earlier = dispute_submission::Entity::find()
        .filter(C::DisputeId.eq(submission.dispute_id.clone()))
        .filter(C::Phase.lt(submission.phase))
        .all(&app.db.read)
        .await?;
    let mut counted = submission.count_before;
    for one in earlier {
        match one.status {
            SubmissionStatus::Requested => {
                let tx = app.db.begin_write().await?;
                let submission = one.id;
                jobs::stage(&tx, &Job::SubmitEvidence { submission }).await?;
                tx.commit().await?;
                return Err(Error::Busy(format!(
                    "evidence of an earlier phase of dispute {} is under way",
                    one.dispute_id
                )));
            }
            SubmissionStatus::Submitted => {
                counted = std::cmp::max(counted, one.count_before.saturating_add(1));
            }
            SubmissionStatus::Refused => {}
        }
    }
    Ok(counted)
}

/// Why evidence was not submitted.
struct Refusal {
    /// Stripe's `code`.
    code: Option<String>,
    words: String,
    /// For a finding.
    sentence: String,
}

impl Refusal {
    fn of(fault: &StripeFault) -> Self {
        Self {
            code: fault.code.clone(),
            words: fault.words().to_owned(),
            sentence: format!("Stripe refused it: {}", fault.words().trim_end_matches('.')),
        }
    }

    fn too_late() -> Self {
        let sentence = "The dispute went on before Stripe had it";
        Self {
            code: None,
            words: format!("{sentence}."),
            sentence: sentence.to_owned(),
        }
    }
}

/// Has the orders' files that the evidence names uploaded (docs.stripe.com/file-upload), and puts Stripe's ids in their place, so
/// that the evidence is the same in every try. A file that is uploaded twice costs nothing.
async fn upload_files(
    app: &App,
    scope: &Scope,
    submission: &mut dispute_submission::Model,
) -> Result<()> {
    use dispute_submission::Column as C;
    let appeal = submission.fields.0.pointer(appeal::FILES);
    let appeal = 0..appeal.and_then(Value::as_array).map_or(0, Vec::len);
    let appeal = appeal.map(|at| ("supporting_file", format!("{}/{at}", appeal::FILES)));
    let fields = evidence::FILES.map(|name| (name, format!("/{name}")));
    for (name, place) in fields.into_iter().chain(appeal) {
        let named = submission.fields.0.pointer(&place);
        let named = named.and_then(Value::as_str).map(OrderFileId::from);
        let Some(id) = named.filter(|id| id.as_ref().starts_with(OrderFileId::PREFIX)) else {
            continue;
        };
        let file = order_file::Entity::find_by_id(id.clone())
            .one(&app.db.read)
            .await?
            .ok_or(Error::NotFound("file"))?;
        let end = file.content_type.rsplit('/').next().unwrap_or_default();
        let filename = format!("{name}.{end}");
        let upload = Upload {
            purpose: "dispute_evidence",
            filename: &filename,
            content_type: &file.content_type,
            size: u64::try_from(file.size).map_err(|e| Error::internal(e.to_string()))?,
            content: &|| orders::files::content(&app.db, &id),
        };
        // A new key each time: Stripe would repeat a 500 that it has saved.
        let key = format!("evidence_file:{id}:{}", ids::random_token());
        let uploaded: IdView = scope.upload(&upload, &key).await?;
        if let Some(named) = submission.fields.0.pointer_mut(&place) {
            *named = json!(uploaded.id);
        }
        let tx = app.db.begin_write().await?;
        dispute_submission::Entity::update_many()
            .col_expr(C::Fields, Expr::value(submission.fields.clone()))
            .filter(C::Id.eq(submission.id.clone()))
            .filter(C::Status.eq(SubmissionStatus::Requested))
            .exec(&tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Stores how a submission ended.
async fn end(
    app: &App,
    submission: &dispute_submission::Model,
    refused: Option<Refusal>,
) -> Result<()> {
    use dispute_submission::Column as C;
    let tx = app.db.begin_write().await?;
    let dispute = super::find(&tx, &submission.dispute_id).await?;
    lock_payment(&tx, &dispute.payment_id).await?;
    let dispute = super::find(&tx, &dispute.id).await?;
    let (to, submitted_at) = match &refused {
        None => (SubmissionStatus::Submitted, Some(tx.now())),
        Some(_) => (SubmissionStatus::Refused, None::<Timestamp>),
    };
    let changed = dispute_submission::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::SubmittedAt, Expr::value(submitted_at))
        .col_expr(
            C::FailureCode,
            Expr::value(refused.as_ref().and_then(|it| it.code.clone())),
        )
        .col_expr(
            C::FailureReason,
            Expr::value(refused.as_ref().map(|it| it.words.clone())),
        )
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(submission.id.clone()))
        .filter(C::Status.eq(SubmissionStatus::Requested))
        .exec(&tx)
        .await?;
    if changed.rows_affected == 0 {
        return Ok(());
    }
    let mut data = json!({ "dispute": dispute.id });
    match refused {
        None => {
            super::log(&tx, &dispute.payment_id, "dispute_evidence_submitted", data).await?;
            findings::resolve(&tx, KIND, &dispute.id).await?;
        }
        Some(refusal) => {
            data["reason"] = json!(refusal.words);
            super::log(&tx, &dispute.payment_id, "dispute_evidence_refused", data).await?;
            // What was asked for in a later phase goes on.
            if !wants_answer(&dispute.status) || !is_wanted(&tx, &dispute).await? {
                return tx.commit().await;
            }
            findings::raise(&tx, not_submitted(&dispute, &refusal.sentence)).await?;
            let mail = Job::Mail {
                what: "evidence_refused".to_owned(),
                to: Recipient::Seller,
                about: format!("{}:{}", dispute.id, submission.key_number),
            };
            jobs::stage(&tx, &mail).await?;
        }
    }
    tx.commit().await
}

fn not_submitted(dispute: &dispute::Model, why: &str) -> NewFinding {
    let until = match dispute.evidence_due_by {
        Some(at) => format!(" The bank waits for it until {at}."),
        None => String::new(),
    };
    NewFinding {
        kind: KIND,
        stripe_account: Some(dispute.stripe_account.clone()),
        subject: dispute.id.clone(),
        message: format!(
            "The evidence against the dispute of {} of order {} was not submitted. {why}.{until} Change it and submit it again \
             (docs/disputes.md), or answer in the Stripe dashboard.",
            money::display(dispute.amount, &dispute.currency),
            dispute.order_id,
        ),
        amount: Some(dispute.amount),
        currency: Some(dispute.currency.clone()),
    }
}

/// Raises a finding when the job is given up. Stripe may have the evidence, so the submission stays requested.
///
/// # Errors
/// The database failed.
pub async fn give_up(tx: &Tx, id: &SubmissionId, attempts: i32, error: &Error) -> Result<()> {
    let submission = row(tx, id).await?;
    if submission.status != SubmissionStatus::Requested {
        return Ok(());
    }
    let dispute = super::find(tx, &submission.dispute_id).await?;
    if !wants_answer(&dispute.status) {
        return Ok(());
    }
    let why = format!(
        "It was given up after {}, and whether Stripe has it isn't known: {error}. Once Stripe answers, have its job tried again \
         (docs/operating.md), which submits it once at most",
        attempts_text(attempts),
    );
    findings::raise(tx, not_submitted(&dispute, &why)).await
}

/// The submissions of several disputes, by dispute and phase.
///
/// # Errors
/// The database failed.
pub async fn of_disputes<C: ConnectionTrait>(
    db: &C,
    ids: &[String],
) -> Result<Vec<dispute_submission::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    use dispute_submission::Column as C;
    Ok(dispute_submission::Entity::find()
        .filter(C::DisputeId.is_in(ids.iter().cloned()))
        .all(db)
        .await?)
}
