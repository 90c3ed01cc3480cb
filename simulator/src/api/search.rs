//! Stripe's search and its query language: <https://docs.stripe.com/search>.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{Call, Route, lists};
use crate::{
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/charges/search", |tx, call| {
        search(tx, call, &CHARGES)
    }),
    ("GET", "/v1/customers/search", |tx, call| {
        search(tx, call, &CUSTOMERS)
    }),
    ("GET", "/v1/invoices/search", |tx, call| {
        search(tx, call, &INVOICES)
    }),
    ("GET", "/v1/payment_intents/search", |tx, call| {
        search(tx, call, &INTENTS)
    }),
    ("GET", "/v1/prices/search", |tx, call| {
        search(tx, call, &PRICES)
    }),
    ("GET", "/v1/products/search", |tx, call| {
        search(tx, call, &PRODUCTS)
    }),
    ("GET", "/v1/subscriptions/search", |tx, call| {
        search(tx, call, &SUBSCRIPTIONS)
    }),
];

/// How a field can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// As a whole.
    Token,
    /// As a whole or in part.
    Text,
    /// By comparison.
    Number,
}

use Type::{Number, Text, Token};

/// The searchable nouns and their fields. Each has `metadata` too.
struct Resource {
    kind: Kind,
    name: &'static str,
    /// A field's name, how it can be searched, and the path of its value. `*` matches one name.
    fields: &'static [(&'static str, Type, &'static str)],
}

const CHARGES: Resource = Resource {
    kind: Kind::Charge,
    name: "charges",
    fields: &[
        ("amount", Number, "amount"),
        (
            "billing_details.address.postal_code",
            Token,
            "billing_details.address.postal_code",
        ),
        ("created", Number, "created"),
        ("currency", Token, "currency"),
        ("customer", Token, "customer"),
        ("disputed", Token, "disputed"),
        ("payment_method_details.*.brand", Token, ""),
        ("payment_method_details.*.exp_month", Token, ""),
        ("payment_method_details.*.exp_year", Token, ""),
        ("payment_method_details.*.fingerprint", Token, ""),
        ("payment_method_details.*.last4", Token, ""),
        ("refunded", Token, "refunded"),
        ("status", Token, "status"),
    ],
};

const CUSTOMERS: Resource = Resource {
    kind: Kind::Customer,
    name: "customers",
    fields: &[
        ("created", Number, "created"),
        ("email", Text, "email"),
        ("name", Text, "name"),
        ("phone", Text, "phone"),
    ],
};

const INVOICES: Resource = Resource {
    kind: Kind::Invoice,
    name: "invoices",
    fields: &[
        ("created", Number, "created"),
        ("currency", Token, "currency"),
        ("customer", Token, "customer"),
        (
            "last_finalization_error_code",
            Token,
            "last_finalization_error.code",
        ),
        (
            "last_finalization_error_type",
            Token,
            "last_finalization_error.type",
        ),
        ("number", Token, "number"),
        ("receipt_number", Token, "receipt_number"),
        ("status", Token, "status"),
        (
            "subscription",
            Token,
            "parent.subscription_details.subscription",
        ),
        ("total", Number, "total"),
    ],
};

const INTENTS: Resource = Resource {
    kind: Kind::Intent,
    name: "payment_intents",
    fields: &[
        ("amount", Number, "amount"),
        ("created", Number, "created"),
        ("currency", Token, "currency"),
        ("customer", Token, "customer"),
        ("status", Token, "status"),
    ],
};

const PRICES: Resource = Resource {
    kind: Kind::Price,
    name: "prices",
    fields: &[
        ("active", Token, "active"),
        ("currency", Token, "currency"),
        ("lookup_key", Token, "lookup_key"),
        ("product", Token, "product"),
        ("type", Token, "type"),
    ],
};

const PRODUCTS: Resource = Resource {
    kind: Kind::Product,
    name: "products",
    fields: &[
        ("active", Token, "active"),
        ("description", Text, "description"),
        ("name", Text, "name"),
        ("shippable", Token, "shippable"),
        ("url", Text, "url"),
    ],
};

const SUBSCRIPTIONS: Resource = Resource {
    kind: Kind::Subscription,
    name: "subscriptions",
    fields: &[
        ("canceled_at", Number, "canceled_at"),
        ("created", Number, "created"),
        ("status", Token, "status"),
    ],
};

/// Stripe's own limit on clauses.
const MAX_CLAUSES: usize = 10;
/// Seconds until a new object is found, with `search=after_a_minute`.
const INDEX_DELAY: i64 = 60;

fn search(tx: &mut Tx<'_>, call: &Call<'_>, resource: &Resource) -> Answer {
    let query = Query::read(call.args.text("query").unwrap_or_default(), resource)?;
    let limit = lists::limit(call.args)?;
    let from = match call.args.text("page") {
        None => Bound::Unbounded,
        Some(page) => Bound::Excluded(cursor(page)?),
    };
    let newest = match tx.assumptions.get("search") {
        "after_a_minute" => tx.now - INDEX_DELAY,
        _ => i64::MAX,
    };
    let fits = |r: &&std::sync::Arc<Record>| r.int("created") <= newest && query.matches(r);
    let rising = tx.assumptions.get("search_order") == "oldest_first";
    let bounds = match rising {
        true => (from, Bound::Unbounded),
        false => (Bound::Unbounded, from),
    };
    let rows = tx.store().slice(resource.kind, call.owner, None, bounds);
    let found: Vec<_> = match rising {
        true => rows.filter(fits).take(limit + 1).collect(),
        false => rows.rev().filter(fits).take(limit + 1).collect(),
    };
    let has_more = found.len() > limit;
    let last = found.iter().take(limit).next_back().map(|r| r.seq);
    let next = last.filter(|_| has_more).map(|seq| format!("page_{seq:x}"));
    let data: Vec<_> = found.iter().take(limit).map(|r| r.value.clone()).collect();
    let mut out = json!({
        "object": "search_result",
        "data": data,
        "has_more": has_more,
        "next_page": next,
        "url": call.path,
    });
    if call.args.texts("expand").contains(&"total_count") {
        let all = tx.store().list(resource.kind, call.owner).filter(fits);
        out["total_count"] = json!(all.count());
    }
    Ok(out)
}

fn cursor(page: &str) -> Result<u64, ApiError> {
    let seq = page
        .strip_prefix("page_")
        .map(|n| u64::from_str_radix(n, 16));
    match seq {
        Some(Ok(seq)) => Ok(seq),
        _ => Err(ApiError::invalid(
            "Invalid page token. Pass the `next_page` of an earlier answer to the same query.",
        )
        .param("page")),
    }
}

#[derive(Debug)]
struct Query {
    clauses: Vec<Clause>,
    /// Whether one clause is enough.
    any: bool,
}

#[derive(Debug)]
struct Clause {
    negated: bool,
    path: Vec<String>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Is(String),
    Contains(String),
    /// From and to, both included.
    Within(i64, i64),
    Missing,
}

impl Query {
    fn read(text: &str, resource: &Resource) -> Result<Self, ApiError> {
        let mut reader = Reader { rest: text.trim() };
        let mut clauses = Vec::new();
        let mut joined: Option<bool> = None;
        loop {
            clauses.push(reader.clause(resource)?);
            if clauses.len() > MAX_CLAUSES {
                return Err(ApiError::invalid(format!(
                    "Your search query has too many clauses. A query can have at most {MAX_CLAUSES} clauses."
                ))
                .param("query"));
            }
            reader.rest = reader.rest.trim_start();
            if reader.rest.is_empty() {
                return Ok(Self {
                    clauses,
                    any: joined == Some(true),
                });
            }
            let any = reader.keyword("or");
            if !any {
                reader.keyword("and");
            }
            if *joined.get_or_insert(any) != any {
                return Err(ApiError::invalid(
                    "We were unable to parse your search query. You can't combine AND and OR in the same query.",
                )
                .param("query"));
            }
        }
    }

    fn matches(&self, record: &Record) -> bool {
        let mut clauses = self.clauses.iter();
        if self.any {
            clauses.any(|c| c.matches(&record.value))
        } else {
            clauses.all(|c| c.matches(&record.value))
        }
    }
}

impl Clause {
    fn matches(&self, object: &Value) -> bool {
        let value = self
            .path
            .iter()
            .fold(object, |value, name| &value[name.as_str()]);
        self.negated != self.test.matches(value)
    }
}

impl Test {
    /// Matching ignores case.
    fn matches(&self, value: &Value) -> bool {
        let text = match value {
            Value::Null => return matches!(self, Test::Missing),
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        match self {
            Test::Missing => false,
            Test::Is(wanted) => text == *wanted,
            Test::Contains(part) => text.contains(part.as_str()),
            Test::Within(from, to) => value.as_i64().is_some_and(|n| (*from..=*to).contains(&n)),
        }
    }
}

/// A value as it was written.
enum Written {
    Quoted(String),
    Bare(String),
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn clause(&mut self, resource: &Resource) -> Result<Clause, ApiError> {
        self.rest = self.rest.trim_start();
        let negated = self.consume("-");
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if name.is_empty() {
            return Err(unreadable());
        }
        let (path, kind) = if self.consume("[") {
            let Some(Written::Quoted(key)) = self.value()? else {
                return Err(unreadable());
            };
            if !self.consume("]") {
                return Err(unreadable());
            }
            if name != "metadata" {
                return Err(unsupported(&format!("{name}[\"{key}\"]"), resource));
            }
            (vec![name, key], Token)
        } else {
            field(&name, resource)?
        };
        let shown = path.join(".");
        let operator = [">=", "<=", ":", "~", ">", "<", "="]
            .into_iter()
            .find(|op| self.consume(op))
            .ok_or_else(unreadable)?;
        let value = self.value()?.ok_or_else(unreadable)?;
        Ok(Clause {
            negated,
            path,
            test: test(&shown, kind, operator, value)?,
        })
    }

    fn consume(&mut self, mark: &str) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    /// A word between two clauses.
    fn keyword(&mut self, word: &str) -> bool {
        let head = self.rest.get(..word.len());
        let fits = head.is_some_and(|h| h.eq_ignore_ascii_case(word))
            && self.rest[word.len()..].starts_with(char::is_whitespace);
        if fits {
            self.rest = &self.rest[word.len()..];
        }
        fits
    }

    /// A value in quotes, where a backslash escapes the next character, or a bare word.
    fn value(&mut self) -> Result<Option<Written>, ApiError> {
        let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            let word = self.take(|c| !c.is_whitespace() && !matches!(c, '\'' | '"' | '(' | ')'));
            return Ok(Some(word).filter(|w| !w.is_empty()).map(Written::Bare));
        };
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Ok(Some(Written::Quoted(out)));
                }
                c => out.push(c),
            }
        }
        Err(unreadable())
    }
}

/// The path of a field's value, and how the field can be searched.
fn field(name: &str, resource: &Resource) -> Result<(Vec<String>, Type), ApiError> {
    let parts: Vec<&str> = name.split('.').collect();
    for (pattern, kind, place) in resource.fields {
        let wanted: Vec<&str> = pattern.split('.').collect();
        let same = wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(w, p)| *w == "*" || w == p);
        if same {
            let place = if place.is_empty() { name } else { *place };
            return Ok((place.split('.').map(str::to_owned).collect(), *kind));
        }
    }
    Err(unsupported(name, resource))
}

fn test(name: &str, kind: Type, operator: &str, value: Written) -> Result<Test, ApiError> {
    let refuse = |why: String| Err(ApiError::invalid(why).param("query"));
    if let Written::Bare(word) = &value
        && word.eq_ignore_ascii_case("null")
        && operator == ":"
    {
        return Ok(Test::Missing);
    }
    if kind == Number {
        let (Written::Bare(text) | Written::Quoted(text)) = value;
        let Ok(n) = text.parse::<i64>() else {
            return refuse(format!(
                "Field `{name}` must be compared with a number, not `{text}`."
            ));
        };
        return match operator {
            ":" | "=" => Ok(Test::Within(n, n)),
            ">" => Ok(Test::Within(n.saturating_add(1), i64::MAX)),
            ">=" => Ok(Test::Within(n, i64::MAX)),
            "<" => Ok(Test::Within(i64::MIN, n.saturating_sub(1))),
            "<=" => Ok(Test::Within(i64::MIN, n)),
            _ => refuse(format!(
                "Field `{name}` doesn't support the operator `{operator}`."
            )),
        };
    }
    let Written::Quoted(text) = value else {
        return Err(unreadable());
    };
    match operator {
        ":" => Ok(Test::Is(text.to_lowercase())),
        "~" if kind == Token => refuse(format!("Field `{name}` doesn't support the operator `~`.")),
        "~" if text.chars().count() < 3 => {
            refuse("Substring search terms must be at least 3 characters long.".to_owned())
        }
        "~" => Ok(Test::Contains(text.to_lowercase())),
        _ => refuse(format!(
            "Field `{name}` doesn't support the operator `{operator}`."
        )),
    }
}

fn unreadable() -> ApiError {
    ApiError::invalid("We were unable to parse your search query. For information about forming a valid search query, see https://stripe.com/docs/search#search-query-language.")
        .param("query")
}

fn unsupported(field: &str, resource: &Resource) -> ApiError {
    let name = resource.name;
    ApiError::invalid(format!("Field `{field}` is an unsupported search field for resource `{name}`. See http://stripe.com/docs/search#query-fields-for-{} for a list of supported fields.", name.replace('_', "-")))
        .param("query")
}
