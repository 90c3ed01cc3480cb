//! Stock: what a product has is the sum of its movements, and never less than nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter};
use serde_json::json;
use souk_entity::stock_movement::{self, StockReason};
use souk_entity::{OrderId, OrderLineId, ProductId, StockMovementId, order_line, product};

use super::find;
use crate::app::App;
use crate::db::Tx;
use crate::db::given::SetWise;
use crate::error::{Error, Result};
use crate::identity::Caller;
use crate::{audit, ids, money};

/// A change of stock by hand.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// Units to add; negative takes away.
    pub delta: i64,
    /// Why: not `initial` and not `sale`.
    pub reason: StockReason,
    /// At most 500 characters.
    pub note: Option<String>,
}

/// Adds to a product's stock, or takes from it. Resumable by `id`. `insufficient_stock`, `stock_unlimited`.
pub async fn adjust_stock(
    app: &App,
    caller: &Caller,
    product: &ProductId,
    id: StockMovementId,
    change: Adjustment,
) -> Result<stock_movement::Model> {
    let made = stock_movement::Entity::find_by_id(id.clone());
    if let Some(made) = made.one(&app.db.read).await? {
        return if made.product_id == *product {
            Ok(made)
        } else {
            Err(Error::invalid_with(
                "idempotency_mismatch",
                "Idempotency-Key",
                "This Idempotency-Key was used for another product. Use a new key for a new request.",
            ))
        };
    }
    check(&change)?;
    let tx = app.db.begin_write().await?;
    if !add(&tx, product, change.delta).await? {
        return Err(refusal(find(&tx, product).await?));
    }
    let row = stock_movement::Model {
        id,
        product_id: product.clone(),
        delta: change.delta,
        reason: change.reason,
        note: change.note,
        order_id: None,
        order_line_id: None,
        actor: caller.principal(),
        created_at: tx.now(),
    };
    stock_movement::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let data = json!({ "delta": row.delta, "reason": row.reason });
    audit::record(
        &tx,
        &row.actor,
        "product.stock_adjusted",
        product.as_ref(),
        data,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

fn check(change: &Adjustment) -> Result<()> {
    let most = i64::from(i32::MAX);
    if change.delta == 0 || change.delta > most || change.delta < -most {
        return Err(Error::invalid(
            "delta",
            format!("delta is a whole number from -{most} to {most}, but not 0."),
        ));
    }
    if matches!(change.reason, StockReason::Initial | StockReason::Sale) {
        return Err(Error::invalid(
            "reason",
            "reason must be received, correction, damaged or returned.",
        ));
    }
    let wrong = |note: &String| note.chars().count() > 500 || note.contains('\0');
    if change.note.as_ref().is_some_and(wrong) {
        return Err(Error::invalid("note", "note has at most 500 characters."));
    }
    Ok(())
}

/// Why `add` changed nothing.
fn refusal(product: Option<product::Model>) -> Error {
    match product {
        None => Error::NotFound("product"),
        Some(product) => match product.available {
            None => Error::conflict(
                "stock_unlimited",
                "This product never runs out: it has no stock to adjust.",
            ),
            Some(left) => Error::Conflict {
                code: "insufficient_stock",
                param: Some("delta".to_owned()),
                message: format!("There are only {left} left to take away."),
            },
        },
    }
}

/// Changes counted stock, unless that left less than nothing. `false`: nothing was changed.
async fn add(tx: &Tx, product: &ProductId, delta: i64) -> Result<bool> {
    use product::Column as C;
    let after = || Expr::col(C::Available).add(delta);
    let done = product::Entity::update_many()
        .col_expr(C::Available, after())
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(product.clone()))
        .filter(C::Available.is_not_null())
        .filter(after().gte(0))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// The movement that a product's stock begins with.
pub(super) async fn begin(
    tx: &Tx,
    product: &ProductId,
    units: i64,
    reason: StockReason,
    actor: &str,
) -> Result<()> {
    let row = stock_movement::Model {
        id: ids::new(tx.now()),
        product_id: product.clone(),
        delta: units,
        reason,
        note: None,
        order_id: None,
        order_line_id: None,
        actor: actor.to_owned(),
        created_at: tx.now(),
    };
    stock_movement::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// A line that was paid for.
pub struct SoldLine {
    pub id: OrderLineId,
    pub product: ProductId,
    pub quantity: i64,
}

impl From<order_line::Model> for SoldLine {
    fn from(line: order_line::Model) -> Self {
        Self {
            id: line.id,
            product: line.product_id,
            quantity: line.quantity,
        }
    }
}

/// Takes the lines of paid orders from stock, of each order all or none, in a statement for each step: what is left after
/// an order's lines is what the next may take. Answers the orders whose lines were taken; of the others nothing was. One
/// `sale` movement a line, for products that never run out too; a line's second taking is an error, by its unique
/// constraint.
pub async fn take_stock(tx: &Tx, orders: &[(&OrderId, &[SoldLine])]) -> Result<HashSet<OrderId>> {
    let wanted = orders.iter().flat_map(|(_, lines)| lines.iter());
    let wanted: BTreeSet<(&ProductId,)> = wanted.map(|line| (&line.product,)).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    // Locked in one order and looked at together, so that nothing has to be undone.
    let products: Vec<Stocked> = STOCKED.all(tx, &wanted, []).await?;
    if products.len() != wanted.len() {
        return Err(Error::internal("a product of a paid order is gone"));
    }
    let mut left: HashMap<ProductId, Option<i64>> = products
        .into_iter()
        .map(|product| (product.id, product.available))
        .collect();
    let (mut taken, mut movements, mut sold) = (BTreeMap::new(), Vec::new(), HashSet::new());
    for (order, lines) in orders {
        let wanted = sums(lines)?;
        if !suffices(&left, &wanted) {
            continue;
        }
        for (id, units) in wanted {
            if let Some(Some(left)) = left.get_mut(id) {
                *left -= units;
                *taken.entry(id).or_insert(0) += units;
            }
        }
        movements.extend(lines.iter().map(|line| sale(tx, order, line)));
        sold.insert((*order).clone());
    }
    let taken: Vec<(&ProductId, i64)> = taken.into_iter().collect();
    if !taken.is_empty() {
        let changed = SUBTRACT.execute(tx, &taken, [tx.now().into()]).await?;
        if usize::try_from(changed) != Ok(taken.len()) {
            return Err(Error::internal("stock changed under its lock"));
        }
    }
    if !movements.is_empty() {
        MOVEMENTS.execute(tx, &movements, [tx.now().into()]).await?;
    }
    Ok(sold)
}

#[derive(FromQueryResult)]
struct Stocked {
    id: ProductId,
    available: Option<i64>,
}

const STOCKED: SetWise = SetWise {
    text: "SELECT p.id, p.available FROM {given} JOIN products p ON p.id = given.id ORDER BY p.id FOR UPDATE OF p",
    columns: &[("id", "text")],
};

const SUBTRACT: SetWise = SetWise {
    text: "UPDATE products SET available = available - given.units, updated_at = $2 FROM {given} \
           WHERE products.id = given.id AND products.available >= given.units",
    columns: &[("id", "text"), ("units", "bigint")],
};

const MOVEMENTS: SetWise = SetWise {
    text: "INSERT INTO stock_movements (id, product_id, delta, reason, order_id, order_line_id, actor, created_at) \
           SELECT id, product, delta, 'sale', sold_in, line, 'system', $2 FROM {given}",
    columns: &[
        ("id", "text"),
        ("product", "text"),
        ("delta", "bigint"),
        ("sold_in", "text"),
        ("line", "text"),
    ],
};

/// The movement of a sold line.
fn sale<'a>(
    tx: &Tx,
    order: &'a OrderId,
    line: &'a SoldLine,
) -> (
    StockMovementId,
    &'a ProductId,
    i64,
    &'a OrderId,
    &'a OrderLineId,
) {
    (
        ids::new(tx.now()),
        &line.product,
        -line.quantity,
        order,
        &line.id,
    )
}

/// Units wanted of each product, over all its lines.
fn sums(lines: &[SoldLine]) -> Result<BTreeMap<&ProductId, i64>> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.product).or_insert(0);
        *sum = money::add(*sum, line.quantity)?;
    }
    Ok(sums)
}

/// Whether there is enough of each; of what is not counted there always is.
fn suffices(left: &HashMap<ProductId, Option<i64>>, wanted: &BTreeMap<&ProductId, i64>) -> bool {
    wanted.iter().all(|(id, units)| {
        let left = left.get(*id);
        left.is_some_and(|left| left.is_none_or(|left| left >= *units))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(product: &str, quantity: i64) -> SoldLine {
        SoldLine {
            id: format!("oln_{product}_{quantity}").into(),
            product: product.into(),
            quantity,
        }
    }

    #[test]
    fn lines_of_one_product_are_wanted_together() {
        let lines = [line("prd_b", 2), line("prd_a", 1), line("prd_b", 3)];
        let wanted = sums(&lines).expect("small");
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(id, units)| (id.as_ref(), units))
            .collect();
        assert_eq!(wanted, [("prd_a", 1), ("prd_b", 5)]);
        assert!(sums(&[line("prd_a", i64::MAX), line("prd_a", 1)]).is_err());
    }

    #[test]
    fn one_line_that_is_sold_out_is_enough_to_take_none() {
        let lines = [line("prd_a", 2), line("prd_a", 1), line("prd_b", 9)];
        let wanted = sums(&lines).expect("small");
        let stock = |a| HashMap::from([("prd_a".into(), Some(a)), ("prd_b".into(), None)]);
        assert!(suffices(&stock(3), &wanted));
        assert!(!suffices(&stock(2), &wanted));
    }

    #[test]
    fn an_adjustment_changes_something_for_a_reason_of_its_own() {
        let change = |delta, reason| Adjustment {
            delta,
            reason,
            note: None,
        };
        let param = |change: Adjustment| check(&change).err()?.param().map(str::to_owned);
        assert_eq!(param(change(5, StockReason::Received)), None);
        assert_eq!(param(change(-5, StockReason::Damaged)), None);
        for delta in [0, i64::MIN, i64::MAX, 1 << 31] {
            let fault = param(change(delta, StockReason::Received));
            assert_eq!(fault.as_deref(), Some("delta"));
        }
        for reason in [StockReason::Sale, StockReason::Initial] {
            assert_eq!(param(change(1, reason)).as_deref(), Some("reason"));
        }
    }
}
