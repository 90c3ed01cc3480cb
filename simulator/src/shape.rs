//! The parameters of each route, and Stripe's errors for wrong ones.
//!
//! The shapes are written from Stripe's OpenAPI description by `make-shapes.py`, so that a typo in a
//! client fails here exactly where it would fail at Stripe.

use std::{collections::HashMap, sync::LazyLock};

use crate::{error::ApiError, form::Node};

mod json;

#[derive(Debug, Default)]
pub(crate) struct Shape {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: String,
    required: bool,
    /// The empty string may be sent, to unset.
    clears: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Int,
    Bool,
    Number,
    Map,
    Any,
    Range,
    /// An RFC 3339 date and time.
    Time,
    Enum(Vec<String>),
    Hash(Shape),
    List(Box<Kind>),
}

static SHAPES: LazyLock<HashMap<&'static str, Shape>> = LazyLock::new(|| {
    include_str!("shapes.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (method, rest) = line.split_once(' ')?;
            let (path, fields) = rest.split_once(' ').unwrap_or((rest, ""));
            let mut shape = Parser { rest: fields }.shape();
            if ["/v1/customers", "/v1/customers/{customer}"].contains(&path) {
                shape.unset(&EMPTIED);
            }
            Some((&line[..method.len() + 1 + path.len()], shape))
        })
        .collect()
});

/// Customer fields that accept an empty text at Stripe, though the description doesn't say so.
const EMPTIED: [&str; 4] = ["description", "email", "name", "phone"];

/// The shape of a route, named as Stripe's description does: `POST /v1/refunds`.
pub(crate) fn of(route: &str) -> Option<&'static Shape> {
    SHAPES.get(route)
}

impl Shape {
    /// Refuses unknown parameters first, then wrong values, then missing ones, as Stripe does.
    pub fn check(&self, form: &Node) -> Result<(), ApiError> {
        let mut unknown = Vec::new();
        self.unknown(form, "", &mut unknown);
        if !unknown.is_empty() {
            return Err(ApiError::parameter_unknown(&unknown));
        }
        self.values(form, "")
    }

    fn unset(&mut self, names: &[&str]) {
        for field in &mut self.fields {
            field.clears |= names.contains(&field.name.as_str());
        }
    }

    pub fn takes(&self, name: &str) -> bool {
        self.fields.iter().any(|f| f.name == name)
    }

    fn unknown(&self, form: &Node, prefix: &str, out: &mut Vec<String>) {
        for (name, node) in form.children() {
            let path = join(prefix, name);
            match self.fields.iter().find(|f| f.name == *name) {
                Some(field) => field.kind.unknown(node, &path, out),
                None => out.push(path),
            }
        }
    }

    fn values(&self, form: &Node, prefix: &str) -> Result<(), ApiError> {
        for field in &self.fields {
            let path = join(prefix, &field.name);
            match form.at(&field.name) {
                Some(Node::Leaf(text)) if text.is_empty() && field.may_be_empty() => {}
                Some(Node::Leaf(text)) if text.is_empty() => {
                    return Err(ApiError::invalid(format!(
                        "You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value."
                    ))
                    .code("parameter_invalid_empty")
                    .param(path));
                }
                Some(node) => field.kind.value(node, &path)?,
                None if field.required => return Err(ApiError::parameter_missing(&path)),
                None => {}
            }
        }
        Ok(())
    }
}

impl Field {
    fn may_be_empty(&self) -> bool {
        self.clears || matches!(self.kind, Kind::List(_) | Kind::Map)
    }
}

impl Kind {
    fn unknown(&self, node: &Node, path: &str, out: &mut Vec<String>) {
        match self {
            Kind::Hash(shape) => shape.unknown(node, path, out),
            Kind::List(inner) => {
                for (index, child) in node.children() {
                    inner.unknown(child, &format!("{path}[{index}]"), out);
                }
            }
            _ => {}
        }
    }

    fn value(&self, node: &Node, path: &str) -> Result<(), ApiError> {
        match (self, node) {
            (Kind::Any | Kind::Range, _) | (Kind::Map, Node::Tree(_)) => Ok(()),
            (Kind::Hash(shape), Node::Tree(_)) => shape.values(node, path),
            (Kind::List(inner), Node::Tree(children)) => {
                children.iter().try_for_each(|(index, child)| {
                    if index.bytes().all(|b| b.is_ascii_digit()) {
                        inner.value(child, &format!("{path}[{index}]"))
                    } else {
                        Err(ApiError::invalid("Invalid array").param(path))
                    }
                })
            }
            (Kind::List(_), _) => Err(ApiError::invalid("Invalid array").param(path)),
            (Kind::Hash(_) | Kind::Map, _) => Err(ApiError::invalid("Invalid object").param(path)),
            (_, Node::Tree(_)) => {
                Err(ApiError::invalid("Invalid string: expected a single value").param(path))
            }
            (_, Node::Leaf(text)) => self.leaf(text, path),
        }
    }

    fn leaf(&self, text: &str, path: &str) -> Result<(), ApiError> {
        match self {
            Kind::Int if text.parse::<i64>().is_err() => {
                Err(ApiError::invalid(format!("Invalid integer: {text}"))
                    .code("parameter_invalid_integer")
                    .param(path))
            }
            Kind::Bool if text != "true" && text != "false" => {
                Err(ApiError::invalid(format!("Invalid boolean: {text}")).param(path))
            }
            Kind::Time if crate::api::namespace::unix(text).is_none() => {
                Err(ApiError::invalid(format!("Invalid date & time: {text}")).param(path))
            }
            Kind::Number if !is_decimal(text) => {
                Err(ApiError::invalid(format!("Invalid decimal: {text}")).param(path))
            }
            Kind::Enum(values) if !values.iter().any(|v| v == text) => {
                let last = path
                    .rsplit('[')
                    .next()
                    .unwrap_or(path)
                    .trim_end_matches(']');
                Err(ApiError::invalid(format!(
                    "Invalid {last}: must be one of {}",
                    sentence(values)
                ))
                .param(path))
            }
            _ => Ok(()),
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    !whole.is_empty()
        && !part.is_empty()
        && whole.len() + part.len() < 19
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn sentence(values: &[String]) -> String {
    match values {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{}, or {last}", head.join(", ")),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}[{name}]")
    }
}

/// Reads the notation at the head of `shapes.txt`.
struct Parser {
    rest: &'static str,
}

impl Parser {
    fn shape(&mut self) -> Shape {
        let mut shape = Shape::default();
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return shape;
            }
            let required = self.consume("*");
            let name = self.word().to_owned();
            let clears = self.consume("?");
            let kind = self.kind();
            shape.fields.push(Field {
                name,
                required,
                clears,
                kind,
            });
        }
    }

    fn kind(&mut self) -> Kind {
        if self.consume("[]") {
            self.consume("?");
            return Kind::List(Box::new(self.kind()));
        }
        if self.consume("{") {
            let shape = self.shape();
            self.consume("}");
            return Kind::Hash(shape);
        }
        if self.consume("=") {
            return Kind::Enum(self.word().split('|').map(str::to_owned).collect());
        }
        if self.consume(":") {
            return match self.word() {
                "int" => Kind::Int,
                "bool" => Kind::Bool,
                "num" => Kind::Number,
                "map" => Kind::Map,
                "range" => Kind::Range,
                "time" => Kind::Time,
                _ => Kind::Any,
            };
        }
        Kind::Text
    }

    fn consume(&mut self, mark: &str) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> &'static str {
        let end = self
            .rest
            .find([' ', '?', ':', '=', '[', '{', '}'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(route: &str, form: &str) -> Option<ApiError> {
        let form = Node::parse(form).expect("form");
        of(route).expect("route").check(&form).err()
    }

    #[test]
    fn an_unknown_nested_parameter_is_named_in_full() {
        let error = check(
            "POST /v1/checkout/sessions",
            "mode=payment&line_items[0][price_data][currency]=eur&line_items[0][colour]=red",
        )
        .expect("refused");
        assert_eq!(error.code, Some("parameter_unknown"));
        assert_eq!(error.param.as_deref(), Some("line_items[0][colour]"));
    }

    #[test]
    fn missing_wrong_type_and_wrong_enum_are_told_apart() {
        let missing = check("POST /v1/payouts", "amount=5").expect("refused");
        assert_eq!(missing.code, Some("parameter_missing"));
        assert_eq!(missing.param.as_deref(), Some("currency"));
        let integer = check("POST /v1/payouts", "amount=x&currency=eur").expect("refused");
        assert_eq!(integer.code, Some("parameter_invalid_integer"));
        let choice = check("POST /v1/refunds", "reason=boredom").expect("refused");
        assert!(
            choice
                .message
                .starts_with("Invalid reason: must be one of duplicate")
        );
    }

    #[test]
    fn since_endive_payment_method_types_is_unknown_when_creating_a_session() {
        let error = check("POST /v1/checkout/sessions", "payment_method_types[0]=card");
        assert_eq!(error.expect("refused").code, Some("parameter_unknown"));
        assert!(
            check(
                "POST /v1/checkout/sessions",
                "allowed_payment_method_types[0]=card"
            )
            .is_none()
        );
    }
}
