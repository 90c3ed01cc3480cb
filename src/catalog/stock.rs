//! Stock. A product's stock is the sum of its movements, and never negative.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::json;
use souk_entity::stock_movement::{self, StockReason};
use souk_entity::{OrderId, OrderLineId, ProductId, StockMovementId, product};

use super::find;
use crate::app::App;
use crate::db::Tx;
use crate::db::set_wise::{SetWise, Together, json_of, read_in_order};
use crate::error::{Error, Result};
use crate::identity::Caller;
use crate::{audit, ids, money};

/// A manual change of stock.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// Units to add; negative to take away.
    pub delta: i64,
    /// Neither `initial` nor `sale`.
    pub reason: StockReason,
    /// At most 500 characters.
    pub note: Option<String>,
}

/// Adds to a product's stock, or takes from it. Resumable by `id`.
///
/// # Errors
/// `insufficient_stock`, `stock_unlimited`, `idempotency_mismatch`; 404 without such a product.
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
        returned_line_id: None,
        refund_id: None,
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

/// Changes counted stock, unless it became negative. `false`: nothing was changed.
pub(super) async fn add(tx: &Tx, product: &ProductId, delta: i64) -> Result<bool> {
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

/// Writes the movement of a product's initial stock.
pub(super) async fn record_initial(
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
        returned_line_id: None,
        refund_id: None,
        actor: actor.to_owned(),
        created_at: tx.now(),
    };
    stock_movement::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// A line that was paid for.
#[derive(Clone, Debug)]
pub struct SoldLine {
    pub id: OrderLineId,
    pub product: ProductId,
    pub quantity: i64,
}

/// The stock of some products, locked until the transaction ends. It counts down as orders take from it.
#[derive(Debug, Default)]
pub struct Stock {
    /// None: the product's stock is not counted, so there is always enough.
    left: HashMap<ProductId, Option<i64>>,
    sold: Vec<(OrderId, SoldLine)>,
}

impl Stock {
    /// Reads and locks products, in the order of their ids.
    pub async fn lock(tx: &Tx, products: &BTreeSet<&ProductId>) -> Result<Self> {
        if products.is_empty() {
            return Ok(Self::default());
        }
        let wanted: Vec<(&ProductId,)> = products.iter().map(|id| (*id,)).collect();
        let rows: Vec<StockRow> = LOCK_STOCK.all(tx, &wanted, []).await?;
        let left = rows.into_iter().map(|row| (row.id, row.available));
        Ok(Self::of(left))
    }

    /// From what is left of each product.
    pub fn of(left: impl IntoIterator<Item = (ProductId, Option<i64>)>) -> Self {
        Self {
            left: left.into_iter().collect(),
            sold: Vec::new(),
        }
    }

    /// Whether there is enough of the product of every line.
    ///
    /// # Errors
    /// A product that was not locked, and a sum that does not fit.
    pub fn suffices(&self, lines: &[SoldLine]) -> Result<bool> {
        for (product, units) in units(lines)? {
            let left = self.left.get(product);
            let left = left.ok_or_else(|| Error::internal(format!("{product} is not in stock")))?;
            if left.is_some_and(|left| left < units) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes an order's lines, so that the next order sees what is left. `write` writes it.
    ///
    /// # Errors
    /// As `suffices`.
    pub fn take(&mut self, order: &OrderId, lines: &[SoldLine]) -> Result<()> {
        for (product, units) in units(lines)? {
            if let Some(Some(left)) = self.left.get_mut(product) {
                *left = money::sub(*left, units)?;
            }
        }
        let lines = lines.iter().map(|line| (order.clone(), line.clone()));
        self.sold.extend(lines);
        Ok(())
    }

    /// Sees what has come back of an order, so that the next one may take it. `give_back` writes it, unless it was taken here: then
    /// nothing was written yet, and `write` writes nothing of it.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn put_back(&mut self, order: &OrderId, lines: &[SoldLine]) -> Result<()> {
        self.sold.retain(|(of, _)| of != order);
        for (product, units) in units(lines)? {
            if let Some(Some(left)) = self.left.get_mut(product) {
                *left = money::add(*left, units)?;
            }
        }
        Ok(())
    }

    /// Writes what was taken: each product's sum, and one `sale` movement for each line, also for uncounted products. The
    /// movements' unique constraint makes a second sale of a line an error.
    ///
    /// # Errors
    /// Less left than was locked.
    pub async fn write(self, tx: &Tx) -> Result<()> {
        if self.sold.is_empty() {
            return Ok(());
        }
        let mut taken = BTreeMap::new();
        for (_, line) in &self.sold {
            if let Some(Some(_)) = self.left.get(&line.product) {
                let sum = taken.entry(&line.product).or_insert(0);
                *sum = money::add(*sum, line.quantity)?;
            }
        }
        let taken: Vec<(&ProductId, i64)> = taken.into_iter().collect();
        let movement = |(order, line): &(OrderId, SoldLine)| {
            let id: StockMovementId = ids::new(tx.now());
            let (product, units) = (line.product.clone(), -line.quantity);
            (id, product, units, order.clone(), line.id.clone())
        };
        let movements: Vec<_> = self.sold.iter().map(movement).collect();
        let rows = [json_of(&taken)?, json_of(&movements)?];
        let [subtracted, _] = TAKE.execute(tx, rows, tx.now().into()).await?;
        match usize::try_from(subtracted) == Ok(taken.len()) {
            true => Ok(()),
            false => Err(Error::internal("stock changed under its lock")),
        }
    }
}

struct StockRow {
    id: ProductId,
    available: Option<i64>,
}

read_in_order!(StockRow { id, available });

/// No key of a product ever changes. So an order may be placed meanwhile: its lines refer to products in the buyer's order,
/// and would deadlock with a full lock.
const LOCK_STOCK: SetWise = SetWise {
    text: "SELECT p.id, p.available FROM {input} JOIN products p ON p.id = input.id ORDER BY p.id FOR NO KEY UPDATE OF p",
    columns: &[("id", "text")],
};

const SUBTRACT: SetWise = SetWise {
    text: "UPDATE products SET available = available - input.units, updated_at = $2 FROM {input} \
           WHERE products.id = input.id AND products.available >= input.units",
    columns: &[("id", "text"), ("units", "bigint")],
};

const MOVEMENTS: SetWise = SetWise {
    text: "INSERT INTO stock_movements (id, product_id, delta, reason, order_id, order_line_id, actor, created_at) \
           SELECT id, product, delta, 'sale', sold_in, line, 'system', $2 FROM {input}",
    columns: &[
        ("id", "text"),
        ("product", "text"),
        ("delta", "bigint"),
        ("sold_in", "text"),
        ("line", "text"),
    ],
};

static TAKE: Together<2> = Together::new([SUBTRACT, MOVEMENTS]);

/// Units of each product, over all its lines.
fn units(lines: &[SoldLine]) -> Result<BTreeMap<&ProductId, i64>> {
    let mut units = BTreeMap::new();
    for line in lines {
        let sum = units.entry(&line.product).or_insert(0);
        *sum = money::add(*sum, line.quantity)?;
    }
    Ok(units)
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
        let wanted = units(&lines).expect("small");
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(id, units)| (id.as_ref(), units))
            .collect();
        assert_eq!(wanted, [("prd_a", 1), ("prd_b", 5)]);
        assert!(units(&[line("prd_a", i64::MAX), line("prd_a", 1)]).is_err());
    }

    #[test]
    fn one_line_that_is_sold_out_is_enough_to_take_none() {
        let lines = [line("prd_a", 2), line("prd_a", 1), line("prd_b", 9)];
        let stock = |a| Stock::of([("prd_a".into(), Some(a)), ("prd_b".into(), None)]);
        assert!(stock(3).suffices(&lines).expect("known"));
        assert!(!stock(2).suffices(&lines).expect("known"));
        assert!(stock(3).suffices(&[line("prd_c", 1)]).is_err());
    }

    #[test]
    fn what_one_order_takes_the_next_can_not() {
        let mut stock = Stock::of([("prd_a".into(), Some(3)), ("prd_b".into(), None)]);
        let lines = [line("prd_a", 2), line("prd_b", 9)];
        stock.take(&"ord_1".into(), &lines).expect("enough");
        assert!(!stock.suffices(&lines).expect("known"));
        assert!(
            stock
                .suffices(&[line("prd_a", 1), line("prd_b", 99)])
                .expect("known")
        );
    }

    #[test]
    fn what_an_order_takes_and_gives_back_at_once_is_not_written() {
        let mut stock = Stock::of([("prd_a".into(), Some(3))]);
        let lines = [line("prd_a", 2)];
        for order in ["ord_1", "ord_2"] {
            assert!(stock.suffices(&lines).expect("known"));
            stock.take(&order.into(), &lines).expect("enough");
            assert!(!stock.suffices(&lines).expect("known"));
            stock.put_back(&order.into(), &lines).expect("fits");
        }
        stock.take(&"ord_3".into(), &lines).expect("enough");
        let left: Vec<&str> = stock.sold.iter().map(|(of, _)| of.as_ref()).collect();
        assert_eq!(left, ["ord_3"]);
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
