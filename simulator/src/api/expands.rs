//! What `expand[]` may name: <https://docs.stripe.com/api/expanding_objects>.

use std::{collections::HashMap, sync::LazyLock};

use crate::{error::ApiError, form::Node};

/// Stripe's own limit; on lists `data` is the first of them.
const MAX_DEPTH: usize = 4;

/// What stands in a field: objects, or lists of them with `[]` before their name.
type Targets = Vec<&'static str>;

#[derive(Default)]
struct Table {
    routes: HashMap<&'static str, Targets>,
    objects: HashMap<&'static str, HashMap<&'static str, Targets>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for line in include_str!("expands.txt").lines() {
        let Some((head, rest)) = line.split_once(' ').filter(|(head, _)| *head != "#") else {
            continue;
        };
        if head.starts_with(|c: char| c.is_ascii_uppercase()) {
            if let Some((route, targets)) = line.rsplit_once(' ') {
                table.routes.insert(route, targets.split(',').collect());
            }
            continue;
        }
        let field = |word: &'static str| match word.split_once('=') {
            Some((name, targets)) => (name, targets.split(',').collect()),
            None => (word, Vec::new()),
        };
        table
            .objects
            .insert(head, rest.split(' ').map(field).collect());
    }
    table
});

/// Refuses an `expand[]` that a route's answer doesn't have.
pub(crate) fn check(route: &str, form: &Node) -> Result<(), ApiError> {
    let paths = form.texts("expand");
    let Some(answer) = TABLE.routes.get(route).filter(|_| !paths.is_empty()) else {
        return Ok(());
    };
    // `total_count` is a number, and is expanded like an object.
    let searches = route.ends_with("/search");
    for path in paths
        .into_iter()
        .filter(|p| !searches || *p != "total_count")
    {
        let names: Vec<&str> = path.split('.').collect();
        let refuse = |message: String| Err(ApiError::invalid(message).param("expand"));
        if names.len() > MAX_DEPTH {
            return refuse(format!(
                "You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}"
            ));
        }
        if !reaches(answer, &names) {
            let hint = match names.split_first() {
                Some((first, _)) if *first != "data" && reaches(answer, &hinted(&names)) => {
                    format!(" You may want to try expanding 'data.{path}' instead.")
                }
                _ => String::new(),
            };
            return refuse(format!("This property cannot be expanded ({path}).{hint}"));
        }
    }
    Ok(())
}

fn hinted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    std::iter::once("data")
        .chain(names.iter().copied())
        .collect()
}

fn reaches(targets: &[&'static str], names: &[&str]) -> bool {
    let Some((name, rest)) = names.split_first() else {
        return true;
    };
    targets
        .iter()
        .any(|target| match target.strip_prefix("[]") {
            Some(item) => *name == "data" && reaches(&[item], rest),
            None => TABLE
                .objects
                .get(target)
                .and_then(|fields| fields.get(name))
                .is_some_and(|next| reaches(next, rest)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(route: &str, path: &str) -> Option<String> {
        let form = Node::parse(&format!("expand[]={path}")).expect("form");
        check(route, &form).err().map(|e| e.message)
    }

    #[test]
    fn only_what_the_description_calls_expandable_is_expanded() {
        let one = "GET /v1/charges/{charge}";
        let list = "GET /v1/charges";
        assert_eq!(message(one, "customer"), None);
        assert_eq!(message(one, "payment_intent.customer"), None);
        assert_eq!(message(one, "refunds.data.balance_transaction"), None);
        assert_eq!(
            message(one, "amount").as_deref(),
            Some("This property cannot be expanded (amount).")
        );
        assert!(message(one, "payment_intent.nothing").is_some());
        assert_eq!(
            message(list, "data.payment_intent.customer.default_source"),
            None,
            "Stripe's own example of the deepest"
        );
        assert_eq!(
            message(list, "customer").as_deref(),
            Some(
                "This property cannot be expanded (customer). You may want to try expanding 'data.customer' instead."
            )
        );
        let deep = message(
            list,
            "data.payment_intent.latest_charge.customer.default_source",
        );
        assert!(
            deep.expect("refused")
                .starts_with("You cannot expand more than 4 levels")
        );
    }
}
