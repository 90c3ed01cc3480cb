//! JSON bodies of `/v2` against a route's shape. Types count there: `"true"` isn't a boolean.

use serde_json::Value;

use super::{Kind, Shape, sentence};
use crate::{api::namespace, error::ApiError};

impl Shape {
    /// As [`Shape::check`], of a JSON body. Null stands for absent where a field isn't required: it unsets. Names are joined
    /// by dots, as Stripe's errors of `/v2` name fields.
    pub fn check_json(&self, body: &Value) -> Result<(), ApiError> {
        let mut unknown = Vec::new();
        self.unknown_json(body, "", &mut unknown);
        if !unknown.is_empty() {
            return Err(ApiError::parameter_unknown(&unknown));
        }
        self.values_json(body, "")
    }

    fn unknown_json(&self, body: &Value, prefix: &str, out: &mut Vec<String>) {
        for (name, value) in body.as_object().into_iter().flatten() {
            let path = dotted(prefix, name);
            match self.fields.iter().find(|f| f.name == *name) {
                Some(field) => field.kind.unknown_json(value, &path, out),
                None => out.push(path),
            }
        }
    }

    fn values_json(&self, body: &Value, prefix: &str) -> Result<(), ApiError> {
        for field in &self.fields {
            let path = dotted(prefix, &field.name);
            match &body[&field.name] {
                Value::Null if field.required => return Err(ApiError::parameter_missing(&path)),
                Value::Null => {}
                value => field.kind.value_json(value, &path)?,
            }
        }
        Ok(())
    }
}

impl Kind {
    fn unknown_json(&self, value: &Value, path: &str, out: &mut Vec<String>) {
        match self {
            Kind::Hash(shape) => shape.unknown_json(value, path, out),
            Kind::List(inner) => {
                for (index, child) in value.as_array().into_iter().flatten().enumerate() {
                    inner.unknown_json(child, &format!("{path}.{index}"), out);
                }
            }
            _ => {}
        }
    }

    fn value_json(&self, value: &Value, path: &str) -> Result<(), ApiError> {
        let number = |v: &Value| v.is_i64() || v.as_str().is_some_and(|t| t.parse::<i64>().is_ok());
        let (fits, wanted) = match self {
            Kind::Any | Kind::Range => (true, ""),
            Kind::Hash(shape) if value.is_object() => return shape.values_json(value, path),
            Kind::List(inner) if value.is_array() => {
                let items = value.as_array().into_iter().flatten().enumerate();
                for (index, item) in items {
                    inner.value_json(item, &format!("{path}.{index}"))?;
                }
                return Ok(());
            }
            Kind::Hash(_) => (false, "an object"),
            Kind::List(_) => (false, "an array"),
            Kind::Map => (
                value.as_object().is_some_and(|map| {
                    map.values()
                        .all(|v| v.is_string() || v.is_null() || v.is_number() || v.is_boolean())
                }),
                "an object of strings",
            ),
            Kind::Int => (number(value), "an integer"),
            Kind::Bool => (value.is_boolean(), "a boolean"),
            Kind::Number => (value.is_number() || number(value), "a number"),
            Kind::Time => (
                value.as_str().is_some_and(|t| namespace::unix(t).is_some()),
                "an RFC 3339 date & time",
            ),
            Kind::Text | Kind::Enum(_) => (value.is_string(), "a string"),
        };
        if !fits {
            return Err(ApiError::invalid(format!(
                "Invalid value for '{path}': expected {wanted}."
            ))
            .code("parameter_invalid_type")
            .param(path));
        }
        match (self, value.as_str()) {
            (Kind::Enum(values), Some(text)) if !values.iter().any(|v| v == text) => {
                Err(ApiError::invalid(format!(
                    "Invalid value for '{path}': must be one of {}.",
                    sentence(values)
                ))
                .code("parameter_invalid_enum")
                .param(path))
            }
            _ => Ok(()),
        }
    }
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{error::ApiError, shape};

    fn check(body: &serde_json::Value) -> Option<ApiError> {
        let shape = shape::of("POST /v2/core/accounts").expect("route");
        shape.check_json(body).err()
    }

    #[test]
    fn fields_that_the_description_does_not_have_or_of_another_type_are_named_by_their_dotted_path()
    {
        for (body, code, param) in [
            (json!({ "colour": "red" }), "parameter_unknown", "colour"),
            (
                json!({ "configuration": { "merchant": { "colour": 1 } } }),
                "parameter_unknown",
                "configuration.merchant.colour",
            ),
            (
                json!({ "contact_email": 5 }),
                "parameter_invalid_type",
                "contact_email",
            ),
            (
                json!({ "dashboard": "half" }),
                "parameter_invalid_enum",
                "dashboard",
            ),
            (
                json!({ "configuration": { "merchant": { "capabilities": { "card_payments": { "requested": "true" } } } } }),
                "parameter_invalid_type",
                "configuration.merchant.capabilities.card_payments.requested",
            ),
            (
                json!({ "defaults": { "responsibilities": { "fees_collector": "stripe" } } }),
                "parameter_missing",
                "defaults.responsibilities.losses_collector",
            ),
            (
                json!({ "include": ["everything"] }),
                "parameter_invalid_enum",
                "include.0",
            ),
            (
                json!({ "identity": { "attestations": { "terms_of_service": { "account": { "date": "today", "ip": "::1" } } } } }),
                "parameter_invalid_type",
                "identity.attestations.terms_of_service.account.date",
            ),
        ] {
            let error = check(&body).expect("refused");
            assert_eq!(error.code, Some(code), "{body}");
            assert_eq!(error.param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn null_stands_for_absent() {
        let body = json!({ "contact_email": null, "metadata": { "a": null }, "dashboard": "full" });
        assert!(check(&body).is_none());
    }
}
