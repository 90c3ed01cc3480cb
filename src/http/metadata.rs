//! `metadata` as at Stripe (docs.stripe.com/api/metadata), and the fields of a PATCH.

use serde::{Deserialize, Deserializer};
use souk_entity::Metadata;

use crate::error::{Error, Result};

/// Checks the limits: at most 50 names of 1 to 40 characters, with values of at most 500.
///
/// # Errors
/// Names the name that is at fault.
pub fn check_metadata(metadata: &Metadata) -> Result<()> {
    if metadata.len() > 50 {
        return Err(Error::invalid("metadata", "metadata has at most 50 names."));
    }
    for (name, value) in metadata {
        if name.is_empty() || name.chars().count() > 40 || value.chars().count() > 500 {
            return Err(Error::invalid(
                format!("metadata.{name}"),
                "A name in metadata has 1 to 40 characters, its value at most 500.",
            ));
        }
    }
    Ok(())
}

/// Merges a change into the stored metadata, name by name. An empty value removes its name.
///
/// # Errors
/// As [`check_metadata`].
pub fn merge_metadata(mut stored: Metadata, change: Metadata) -> Result<Metadata> {
    for (name, value) in change {
        if value.is_empty() {
            stored.remove(&name);
        } else {
            stored.insert(name, value);
        }
    }
    check_metadata(&stored)?;
    Ok(stored)
}

/// For a PATCH field with `#[serde(default, deserialize_with = "deserialize_some")]`: it is `None` only if it is left out.
/// With `Option<T>` a null is refused; with `Option<Option<T>>` it is `Some(None)`, which sets null.
pub fn deserialize_some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn metadata_is_merged_name_by_name_and_an_empty_value_removes() {
        let stored = metadata(&[("city", "Amman"), ("shelf", "3")]);
        let change = metadata(&[("shelf", ""), ("colour", "brass"), ("none", "")]);
        let merged = merge_metadata(stored, change).expect("within the limits");
        assert_eq!(merged, metadata(&[("city", "Amman"), ("colour", "brass")]));
    }

    #[test]
    fn metadata_beyond_the_limits_is_named() {
        let long = "x".repeat(501);
        let fault = check_metadata(&metadata(&[("note", &long)])).expect_err("too long");
        assert_eq!(fault.param(), Some("metadata.note"));
        let many: Metadata = (0..51).map(|n| (n.to_string(), n.to_string())).collect();
        assert!(merge_metadata(Metadata::new(), many).is_err());
    }

    #[test]
    fn a_null_is_not_the_same_as_a_field_left_out() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default, deserialize_with = "deserialize_some")]
            name: Option<String>,
            #[serde(default, deserialize_with = "deserialize_some")]
            fee: Option<Option<i32>>,
        }
        let read = serde_json::from_str::<Change>;
        assert!(read(r#"{"name": null}"#).is_err());
        let change = read(r#"{"fee": null}"#).expect("may be null");
        assert_eq!((change.name, change.fee), (None, Some(None)));
        assert_eq!(read(r#"{"fee": 3}"#).expect("a number").fee, Some(Some(3)));
        assert_eq!(read("{}").expect("nothing").fee, None);
    }
}
