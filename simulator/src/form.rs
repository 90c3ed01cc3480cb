//! Stripe's form encoding: `a[b][0][c]=…`, in bodies and query strings alike.

use serde_json::Value;

use crate::error::ApiError;

/// The deepest nesting that is accepted. No parameter of Stripe's reaches it.
const MAX_DEPTH: usize = 8;

/// A parsed form: a leaf, or children in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Leaf(String),
    Tree(Vec<(String, Node)>),
}

/// The most parameters that are accepted.
const MAX_PAIRS: usize = 4096;

static EMPTY: Node = Node::Tree(Vec::new());

impl Node {
    /// Parses `application/x-www-form-urlencoded`, brackets and braces raw or escaped. Of a name
    /// that comes twice the last counts.
    pub fn parse(text: &str) -> Result<Node, ApiError> {
        let mut root = Node::Tree(Vec::new());
        let pairs = text.trim_start_matches('?').split('&');
        for (count, pair) in pairs.enumerate() {
            if count == MAX_PAIRS {
                return Err(ApiError::invalid(format!(
                    "Too many parameters: a request can have up to {MAX_PAIRS}."
                )));
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decode(key)?, decode(value)?);
            if key.is_empty() {
                continue;
            }
            let path = split_key(&key)?;
            root.insert(&path, value, &key)?;
        }
        Ok(root)
    }

    /// A JSON value as a form, so that handlers read parameters of `/v1` and `/v2` alike. Null, which unsets, becomes the
    /// empty text.
    pub fn of(value: &Value) -> Node {
        match value {
            Value::Null => Node::Leaf(String::new()),
            Value::String(text) => Node::Leaf(text.clone()),
            Value::Bool(_) | Value::Number(_) => Node::Leaf(value.to_string()),
            Value::Array(items) => Node::Tree(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| (at.to_string(), Node::of(item)))
                    .collect(),
            ),
            Value::Object(map) => Node::Tree(
                map.iter()
                    .map(|(name, value)| (name.clone(), Node::of(value)))
                    .collect(),
            ),
        }
    }

    fn insert(&mut self, path: &[&str], value: String, key: &str) -> Result<(), ApiError> {
        let Node::Tree(children) = self else {
            return Err(ApiError::invalid(format!("Invalid hash: {key}")).param(key));
        };
        let Some((head, rest)) = path.split_first() else {
            return Ok(());
        };
        let at = if head.is_empty() {
            // `a[]=x&a[]=y` are two elements of a list. `a[][b]=x&a[][c]=y` is one element, which
            // ends when a name comes again.
            let open = children
                .last()
                .is_some_and(|(_, last)| !rest.is_empty() && !last.has(rest));
            open.then(|| children.len() - 1)
        } else {
            children.iter().position(|(n, _)| n == head)
        };
        let at = at.unwrap_or_else(|| {
            let name = if head.is_empty() {
                children.len().to_string()
            } else {
                (*head).to_owned()
            };
            children.push((name, Node::Tree(Vec::new())));
            children.len() - 1
        });
        let child = &mut children[at].1;
        if !rest.is_empty() {
            return child.insert(rest, value, key);
        }
        match child {
            Node::Tree(inside) if !inside.is_empty() => {
                Err(ApiError::invalid(format!("Invalid hash: {key}")).param(key))
            }
            _ => {
                *child = Node::Leaf(value);
                Ok(())
            }
        }
    }

    fn has(&self, path: &[&str]) -> bool {
        match (self, path.split_first()) {
            (Node::Leaf(_), _) | (_, None) => true,
            (Node::Tree(children), Some((head, rest))) => children
                .iter()
                .any(|(n, child)| n == head && child.has(rest)),
        }
    }

    /// Gives a parameter another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Node::Tree(children) = self {
            for (name, _) in children.iter_mut().filter(|(name, _)| name == from) {
                to.clone_into(name);
            }
        }
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let Node::Tree(children) = self else {
            return None;
        };
        let at = children.iter().position(|(n, _)| n == name)?;
        Some(children.remove(at).1)
    }

    /// Adds a parameter.
    pub fn put(&mut self, name: &str, node: Node) {
        if let Node::Tree(children) = self {
            children.push((name.to_owned(), node));
        }
    }

    /// The form again, as text that [`Node::parse`] reads.
    pub fn encode(&self) -> String {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        self.encode_into("", &mut out);
        out.finish()
    }

    fn encode_into(&self, path: &str, out: &mut url::form_urlencoded::Serializer<'_, String>) {
        match self {
            Node::Leaf(text) => drop(out.append_pair(path, text)),
            Node::Tree(children) => {
                for (name, child) in children {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}[{name}]")
                    };
                    child.encode_into(&path, out);
                }
            }
        }
    }

    pub fn children(&self) -> &[(String, Node)] {
        match self {
            Node::Tree(children) => children,
            Node::Leaf(_) => &[],
        }
    }

    /// The node at a dotted path, for example `payment_intent_data.metadata`.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, name| {
            node.children()
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, child)| child)
        })
    }

    /// The subtree at a path, empty when it isn't there.
    pub fn sub(&self, path: &str) -> &Node {
        self.at(path).unwrap_or(&EMPTY)
    }

    /// A non-empty text; the empty string, which unsets, reads as absent.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.at(path) {
            Some(Node::Leaf(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// An integer. The route's shape has refused anything else before.
    pub fn int(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    pub fn flag(&self, path: &str) -> Option<bool> {
        Some(self.text(path)? == "true")
    }

    /// The elements of a list.
    pub fn list(&self, path: &str) -> impl Iterator<Item = &Node> {
        self.sub(path).children().iter().map(|(_, node)| node)
    }

    /// The texts of a list.
    pub fn texts(&self, path: &str) -> Vec<&str> {
        self.list(path)
            .filter_map(|node| match node {
                Node::Leaf(text) => Some(text.as_str()),
                Node::Tree(_) => None,
            })
            .collect()
    }
}

/// Reads `+` and `%2B`; what isn't an encoding, isn't text or holds a NUL is refused.
fn decode(text: &str) -> Result<String, ApiError> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+' | 0)) {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = after.get(..2).unwrap_or_default();
                let mut value = [0];
                if hex::decode_to_slice(digits, &mut value).is_err() {
                    return Err(ApiError::invalid(format!(
                        "Invalid request: invalid %-encoding ({})",
                        text.chars().take(40).collect::<String>()
                    )));
                }
                out.extend(value);
                rest = after.get(2..).unwrap_or_default();
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| {
            ApiError::invalid("Invalid request: parameters must be UTF-8 without NUL bytes.")
        })
}

fn split_key(key: &str) -> Result<Vec<&str>, ApiError> {
    let mut path = Vec::new();
    let (head, mut rest) = key.split_at(key.find('[').unwrap_or(key.len()));
    path.push(head);
    while let Some(inner) = rest.strip_prefix('[') {
        let Some(end) = inner.find(']') else {
            return Err(ApiError::invalid(format!("Invalid parameter name: {key}")).param(key));
        };
        path.push(&inner[..end]);
        rest = &inner[end + 1..];
        if path.len() > MAX_DEPTH {
            return Err(
                ApiError::invalid(format!("Parameter nested too deeply: {key}")).param(key),
            );
        }
    }
    if rest.is_empty() {
        Ok(path)
    } else {
        Err(ApiError::invalid(format!("Invalid parameter name: {key}")).param(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_indexed_and_unindexed_keys_are_read_raw_or_escaped() {
        let form =
            Node::parse("?a[0][b]=x+y&a%5B1%5D%5Bb%5D=%2B&e[]=p&e[]=q&u={ID}").expect("form");
        assert_eq!(form.text("a.0.b"), Some("x y"));
        assert_eq!(form.text("a.1.b"), Some("+"));
        assert_eq!(form.texts("e"), ["p", "q"]);
        assert_eq!(form.text("u"), Some("{ID}"));
    }

    #[test]
    fn absurd_nesting_and_broken_names_are_refused() {
        assert!(Node::parse(&format!("a{}=1", "[b]".repeat(40))).is_err());
        assert!(Node::parse("a[b=1").is_err());
        assert!(Node::parse("a=1&a[b]=2").is_err());
        assert!(Node::parse("a[b]=2&a=1").is_err());
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%=1", "a=\0"] {
            assert!(Node::parse(broken).is_err(), "{broken}");
        }
        assert!(Node::parse(&"a=1&".repeat(5000)).is_err());
    }

    #[test]
    fn elements_without_a_number_begin_anew_when_a_name_comes_again() {
        let form = Node::parse("a[][b]=1&a[][c]=2&a[][b]=3&a[][d][e]=4&d=1&d=2").expect("form");
        assert_eq!(form.list("a").count(), 2);
        assert_eq!(
            (form.text("a.0.c"), form.text("a.1.b")),
            (Some("2"), Some("3"))
        );
        assert_eq!(
            (form.text("a.1.d.e"), form.text("d")),
            (Some("4"), Some("2"))
        );
    }
}
