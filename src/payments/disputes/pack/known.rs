//! What is read for an evidence pack.

use std::collections::BTreeMap;

use sea_orm::{ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::job::{self, JobState};
use souk_entity::order_file::FileKind;
use souk_entity::payment::PaymentStatus;
use souk_entity::{
    OrderFileId, OrderId, ProductId, Timestamp, charge_detail, dispute, order, order_file,
    order_line, order_note, payment, payment_order, product, refund, shipment, user,
};

use crate::error::{Error, Result};
use crate::jobs::{Job, Recipient};
use crate::orders::shipments::goods;
use crate::{money, orders};

use super::super::super::refunds::refunds_of_payment;

/// An order of the disputed payment.
pub(super) struct KnownOrder {
    pub order: order::Model,
    pub lines: Vec<order_line::Model>,
    /// Each with its goods and their units. Voided ones aren't there.
    pub shipments: Vec<(shipment::Model, Vec<(String, i64)>)>,
    pub notes: Vec<order_note::Model>,
    files: Vec<order_file::Model>,
}

/// A mail that the buyer got.
pub(super) struct SentMail {
    pub at: Timestamp,
    pub what: String,
    /// The id of what it told of.
    pub about: String,
}

/// Another payment of the same buyer.
pub(super) struct OtherPayment {
    pub charge: String,
    pub payment: payment::Model,
    pub orders: Vec<OrderId>,
}

/// All that a pack is made of.
pub(super) struct Known {
    pub dispute: dispute::Model,
    pub payment: payment::Model,
    pub charge: Option<charge_detail::Model>,
    pub buyer: Option<user::Model>,
    pub orders: Vec<KnownOrder>,
    /// What the products say of themselves today.
    pub descriptions: BTreeMap<ProductId, String>,
    pub refunds: Vec<refund::Model>,
    pub mails: Vec<SentMail>,
}

impl Known {
    /// Reads it.
    ///
    /// # Errors
    /// The database failed, or the payment isn't here.
    pub async fn read<C: ConnectionTrait>(db: &C, dispute: &dispute::Model) -> Result<Self> {
        let payment = payment::Entity::find_by_id(dispute.payment_id.clone());
        let payment = payment.one(db).await?;
        let payment =
            payment.ok_or_else(|| Error::internal("a dispute of a payment that is missing"))?;
        let charge = charge_detail::Entity::find_by_id(payment.id.clone());
        let charge = charge.one(db).await?;
        let mut orders = Vec::new();
        for order in orders_of_payment(db, &payment).await? {
            orders.push(KnownOrder::read(db, order).await?);
        }
        let buyer = orders.iter().find_map(|one| one.order.buyer_id.clone());
        let buyer = match buyer {
            Some(id) => user::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let refunds = refunds_of_payment(db, &payment.id).await?;
        let mails = mails(db, &payment, &orders, &refunds).await?;
        Ok(Self {
            dispute: dispute.clone(),
            descriptions: descriptions(db, &orders).await?,
            payment,
            charge,
            buyer,
            orders,
            refunds,
            mails,
        })
    }

    /// The address that the buyer gave.
    pub fn email(&self) -> Option<String> {
        self.orders.iter().find_map(|one| one.order.email.clone())
    }

    pub fn customer_name(&self) -> Option<String> {
        let billed = self
            .charge
            .as_ref()
            .and_then(|one| one.billing_name.clone());
        billed.or_else(|| self.buyer.as_ref().map(|buyer| buyer.name.clone()))
    }

    pub fn billing_address(&self) -> Option<String> {
        let charge = self.charge.as_ref();
        charge.and_then(|one| one.billing_address.clone())
    }

    pub fn purchase_ip(&self) -> Option<String> {
        let mut orders = self.orders.iter();
        orders.find_map(|one| one.order.purchase_ip.clone())
    }

    /// What was bought, a line each.
    pub fn product_description(&self) -> String {
        let lines = self.orders.iter().flat_map(|one| {
            let lines = one.lines.iter();
            lines.map(|line| (line, one.order.currency.as_str()))
        });
        let lines = lines.map(|(line, currency)| {
            let price = money::display(line.unit_amount, currency);
            let said = self.descriptions.get(&line.product_id);
            let said = said.map_or_else(String::new, |text| format!(": {text}"));
            format!("{} × {} at {price} each{said}", line.quantity, line.name)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The shipments of a kind, oldest first.
    pub fn sent(&self, is: impl Fn(&shipment::Model) -> bool) -> Vec<&shipment::Model> {
        let all = self.orders.iter().flat_map(|one| one.shipments.iter());
        let mut sent: Vec<_> = all.map(|(one, _)| one).filter(|one| is(one)).collect();
        sent.sort_by_key(|one| one.shipped_at);
        sent
    }

    /// The newest file for each evidence field.
    pub fn files(&self) -> BTreeMap<&'static str, OrderFileId> {
        let mut files: Vec<_> = self.orders.iter().flat_map(|one| &one.files).collect();
        files.sort_by(|a, b| a.id.cmp(&b.id));
        let by_field = files
            .into_iter()
            .map(|file| (field(file.kind), file.id.clone()));
        by_field.collect()
    }

    /// A payment of the same card or account over the same amount, on the same account: the nearest in time. Stripe wants to
    /// know why both were right.
    ///
    /// # Errors
    /// The database failed.
    pub async fn duplicate<C: ConnectionTrait>(&self, db: &C) -> Result<Option<OtherPayment>> {
        let Some(paid_at) = self.payment.paid_at else {
            return Ok(None);
        };
        let same = self.payments_by_the_same(db).await?.into_iter();
        let same = same.filter(|(_, one)| {
            one.amount_paid == self.payment.amount_paid && one.currency == self.payment.currency
        });
        let distance = |one: &payment::Model| {
            let at = one.paid_at.map_or(i64::MAX, |at| at.0);
            at.abs_diff(paid_at.0)
        };
        let Some((charge, payment)) = same.min_by_key(|(_, one)| distance(one)) else {
            return Ok(None);
        };
        let orders = orders_of_payment(db, &payment).await?;
        Ok(Some(OtherPayment {
            charge,
            payment,
            orders: orders.into_iter().map(|order| order.id).collect(),
        }))
    }

    /// The other paid payments by the same card or account, each with its charge.
    ///
    /// # Errors
    /// The database failed.
    pub async fn payments_by_the_same<C: ConnectionTrait>(
        &self,
        db: &C,
    ) -> Result<Vec<(String, payment::Model)>> {
        use charge_detail::Column as C;
        let Some((charge, fingerprint)) = self
            .charge
            .as_ref()
            .and_then(|one| Some((one, one.fingerprint.clone()?)))
        else {
            return Ok(Vec::new());
        };
        let others = charge_detail::Entity::find()
            .filter(C::ChargeAccount.eq(charge.charge_account.clone()))
            .filter(C::Fingerprint.eq(fingerprint))
            .filter(C::PaymentId.ne(self.payment.id.clone()))
            .all(db)
            .await?;
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let ids = others.iter().map(|one| one.payment_id.clone());
        let payments = payment::Entity::find()
            .filter(payment::Column::Id.is_in(ids))
            .filter(payment::Column::Status.eq(PaymentStatus::Paid))
            .filter(payment::Column::Livemode.eq(self.payment.livemode))
            .order_by_asc(payment::Column::Id)
            .all(db)
            .await?;
        let charge_of = |payment: &payment::Model| {
            let charge = others.iter().find(|one| one.payment_id == payment.id);
            charge.map(|one| one.charge.clone())
        };
        let with_charge = payments.into_iter();
        let with_charge = with_charge.filter_map(|one| Some((charge_of(&one)?, one)));
        Ok(with_charge.collect())
    }
}

impl KnownOrder {
    async fn read<C: ConnectionTrait>(db: &C, order: order::Model) -> Result<Self> {
        let mut shipments = Vec::new();
        for one in orders::shipments::of_order(db, &order.id).await? {
            let goods = goods(db, &one).await?;
            shipments.push((one, goods));
        }
        Ok(Self {
            lines: orders::lines(db, &order.id).await?,
            notes: orders::notes::of_order(db, &order.id).await?,
            files: orders::files::of_order(db, &order.id).await?,
            shipments,
            order,
        })
    }
}

/// The evidence field that a file is for.
fn field(kind: FileKind) -> &'static str {
    match kind {
        FileKind::CustomerCommunication => "customer_communication",
        FileKind::CustomerSignature => "customer_signature",
        FileKind::Receipt => "receipt",
        FileKind::ServiceDocumentation => "service_documentation",
        FileKind::ShippingDocumentation => "shipping_documentation",
        FileKind::UncategorizedFile => "uncategorized_file",
    }
}

/// The orders that a payment paid for, oldest first.
///
/// # Errors
/// The database failed.
pub(super) async fn orders_of_payment<C: ConnectionTrait>(
    db: &C,
    payment: &payment::Model,
) -> Result<Vec<order::Model>> {
    let links = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(payment.id.clone()))
        .all(db)
        .await?;
    Ok(order::Entity::find()
        .filter(order::Column::Id.is_in(links.into_iter().map(|link| link.order_id)))
        .order_by_asc(order::Column::Id)
        .all(db)
        .await?)
}

async fn descriptions<C: ConnectionTrait>(
    db: &C,
    orders: &[KnownOrder],
) -> Result<BTreeMap<ProductId, String>> {
    let lines = orders.iter().flat_map(|one| &one.lines);
    let ids = lines.map(|line| line.product_id.clone());
    let products = product::Entity::find()
        .filter(product::Column::Id.is_in(ids))
        .all(db)
        .await?;
    let said = products.into_iter();
    Ok(said
        .filter_map(|one| Some((one.id, one.description?)))
        .collect())
}

/// The mails that the buyer got about the payment, its orders, what was sent of them and what was refunded: jobs that are done.
async fn mails<C: ConnectionTrait>(
    db: &C,
    payment: &payment::Model,
    orders: &[KnownOrder],
    refunds: &[refund::Model],
) -> Result<Vec<SentMail>> {
    use job::Column as C;
    let mut subjects = vec![payment.id.to_string()];
    for one in orders {
        subjects.push(one.order.id.to_string());
        subjects.extend(one.shipments.iter().map(|(one, _)| one.id.to_string()));
    }
    subjects.extend(refunds.iter().map(|one| one.id.to_string()));
    let done = job::Entity::find()
        .filter(C::Subject.is_in(subjects))
        .filter(C::Kind.eq("mail"))
        .filter(C::State.eq(JobState::Done.to_value()))
        .all(db)
        .await?;
    let sent = done.into_iter().filter_map(|row| {
        let job = serde_json::from_str(&row.args).ok()?;
        match job {
            Job::Mail {
                what,
                to: Recipient::Buyer,
                about,
            } => Some(SentMail {
                at: row.finished_at?,
                what,
                about,
            }),
            _ => None,
        }
    });
    let mut sent: Vec<_> = sent.collect();
    sent.sort_by_key(|mail| mail.at);
    Ok(sent)
}
