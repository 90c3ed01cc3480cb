//! Stock: what a product has is the sum of its movements, and never less than nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait, Query, TableRef, ValueTuple};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;
use souk_entity::stock_movement::{self, StockReason};
use souk_entity::{OrderId, ProductId, StockMovementId, order_line, product};

use super::find;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity::Caller;
use crate::planted::planted;
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

/// Takes a paid order's lines from stock: all of them, or none. `false`: something is sold out, and nothing was
/// changed. One `sale` movement a line, for products that never run out too; a line's second taking is an error, by
/// its unique constraint.
pub async fn take_stock(tx: &Tx, order: &OrderId, lines: &[order_line::Model]) -> Result<bool> {
    let wanted = sums(lines)?;
    if wanted.is_empty() {
        return Ok(true);
    }
    // Locked in one order and looked at together, so that nothing has to be undone.
    let products = product::Entity::find()
        .filter(product::Column::Id.is_in(wanted.keys().map(|id| (*id).clone())))
        .order_by_asc(product::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    if products.len() != wanted.len() {
        return Err(Error::internal(format!(
            "a product of order {order} is gone"
        )));
    }
    if !suffices(&products, &wanted) {
        if planted("stock_in_part") {
            let some = products.iter().find(|product| product.available > Some(0));
            let line = some.and_then(|some| lines.iter().find(|line| line.product_id == some.id));
            if let Some(line) = line.filter(|line| line.quantity == 1) {
                add(tx, &line.product_id, -1).await?;
                let movement = sale(tx, order, line);
                stock_movement::Entity::insert(movement)
                    .exec_without_returning(tx)
                    .await?;
            }
        }
        return Ok(false);
    }
    for product in products
        .iter()
        .filter(|product| product.available.is_some())
    {
        let units = wanted.get(&product.id).copied().unwrap_or_default();
        if !add(tx, &product.id, -units).await? {
            return Err(Error::internal("stock changed under its lock"));
        }
    }
    if planted("sale_unrecorded") {
        return Ok(true);
    }
    let movements = lines.iter().map(|line| sale(tx, order, line));
    stock_movement::Entity::insert_many(movements)
        .exec_without_returning(tx)
        .await?;
    Ok(true)
}

/// The same for many orders at once, in a statement for each step: what is left after an order's lines is what the next
/// may take. Answers the orders whose lines were taken; of the others nothing was.
pub async fn take_stock_together(
    tx: &Tx,
    orders: Vec<(&OrderId, &[order_line::Model])>,
) -> Result<HashSet<OrderId>> {
    let wanted = orders.iter().flat_map(|(_, lines)| lines.iter());
    let wanted: BTreeSet<ProductId> = wanted.map(|line| line.product_id.clone()).collect();
    let products = product::Entity::find()
        .filter(product::Column::Id.is_in(wanted))
        .order_by_asc(product::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let mut left: BTreeMap<ProductId, Option<i64>> = products
        .into_iter()
        .map(|product| (product.id, product.available))
        .collect();
    let (mut taken, mut movements, mut sold) = (BTreeMap::new(), Vec::new(), HashSet::new());
    for (order, lines) in orders {
        let wanted = sums(lines)?;
        let suffices = wanted.iter().all(|(id, units)| {
            let left = left.get(*id);
            left.is_some_and(|left| left.is_none_or(|left| left >= *units))
        });
        if wanted.is_empty() || !suffices {
            continue;
        }
        for (id, units) in wanted {
            if let Some(Some(left)) = left.get_mut(id) {
                *left -= units;
                let sum = taken.entry(id.clone()).or_insert(0);
                *sum = match planted("stock_not_summed") {
                    true => units,
                    false => *sum + units,
                };
            }
        }
        movements.extend(lines.iter().map(|line| sale(tx, order, line)));
        sold.insert(order.clone());
    }
    if !taken.is_empty() {
        subtract(tx, &taken).await?;
    }
    if !movements.is_empty() && !planted("sale_unrecorded") {
        stock_movement::Entity::insert_many(movements)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(sold)
}

/// Takes units of counted products, a row each.
async fn subtract(tx: &Tx, taken: &BTreeMap<ProductId, i64>) -> Result<()> {
    use product::Column as C;
    let given = taken
        .iter()
        .map(|(id, units)| ValueTuple::Two(id.to_string().into(), (*units).into()));
    // Both databases name the columns of a list of values so.
    let of_given = |column: &'static str| Expr::col(("given", column));
    let after = || Expr::col((product::Entity, C::Available)).sub(of_given("column2"));
    let mut update = Query::update();
    update
        .table(product::Entity)
        .from(TableRef::ValuesList(given.collect(), "given".into()))
        .value(C::Available, after())
        .value(C::UpdatedAt, tx.now())
        .and_where(Expr::col((product::Entity, C::Id)).eq(of_given("column1")))
        .and_where(after().gte(0));
    let changed = tx.execute(&update).await?.rows_affected();
    if usize::try_from(changed) != Ok(taken.len()) {
        return Err(Error::internal("stock changed under its lock"));
    }
    Ok(())
}

/// The movement of a sold line.
fn sale(tx: &Tx, order: &OrderId, line: &order_line::Model) -> stock_movement::ActiveModel {
    stock_movement::Model {
        id: ids::new(tx.now()),
        product_id: line.product_id.clone(),
        delta: -line.quantity,
        reason: StockReason::Sale,
        note: None,
        order_id: Some(order.clone()),
        order_line_id: Some(line.id.clone()),
        actor: "system".to_owned(),
        created_at: tx.now(),
    }
    .into_active_model()
}

/// Units wanted of each product, over all its lines.
fn sums(lines: &[order_line::Model]) -> Result<BTreeMap<&ProductId, i64>> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.product_id).or_insert(0);
        *sum = money::add(*sum, line.quantity)?;
    }
    Ok(sums)
}

fn suffices(products: &[product::Model], wanted: &BTreeMap<&ProductId, i64>) -> bool {
    products.iter().all(|product| {
        let units = wanted.get(&product.id).copied().unwrap_or_default();
        product.available.is_none_or(|available| available >= units)
    })
}

#[cfg(test)]
mod tests {
    use souk_entity::product::ProductStatus;
    use souk_entity::{JsonText, Timestamp};

    use super::*;

    fn line(product: &str, quantity: i64) -> order_line::Model {
        order_line::Model {
            id: format!("oln_{product}_{quantity}").into(),
            order_id: "ord_1".into(),
            position: 0,
            product_id: product.into(),
            name: "Lamp".to_owned(),
            unit_amount: 100,
            quantity,
            amount: 100,
        }
    }

    fn product(id: &str, available: Option<i64>) -> product::Model {
        product::Model {
            id: id.into(),
            seller_id: "sel_1".into(),
            name: "Lamp".to_owned(),
            description: None,
            unit_amount: 100,
            currency: "eur".to_owned(),
            available,
            status: ProductStatus::Active,
            metadata: JsonText::default(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
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
        let stock = |a| [product("prd_a", Some(a)), product("prd_b", None)];
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
