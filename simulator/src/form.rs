//! Stripe's form encoding: `a[b][0][c]=…`, in bodies and query strings alike.

use crate::error::ApiError;

/// Deeper nesting than any parameter of Stripe's has; more is refused.
const MAX_DEPTH: usize = 8;

/// A parsed form: a leaf, or children in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Leaf(String),
    Tree(Vec<(String, Node)>),
}

static EMPTY: Node = Node::Tree(Vec::new());

impl Node {
    /// Parses `application/x-www-form-urlencoded`, brackets and braces raw or escaped.
    pub fn parse(text: &str) -> Result<Node, ApiError> {
        let mut root = Node::Tree(Vec::new());
        let text = text.trim_start_matches('?');
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            if key.is_empty() {
                continue;
            }
            let path = split_key(&key)?;
            root.insert(&path, value.into_owned(), &key)?;
        }
        Ok(root)
    }

    fn insert(&mut self, path: &[&str], value: String, key: &str) -> Result<(), ApiError> {
        let Node::Tree(children) = self else {
            return Err(ApiError::invalid(format!("Invalid hash: {key}")).param(key));
        };
        let Some((head, rest)) = path.split_first() else {
            return Ok(());
        };
        // `a[]=x&a[]=y` are the elements of a list, numbered as they come.
        let name = if head.is_empty() {
            children.len().to_string()
        } else {
            (*head).to_owned()
        };
        let at = children.iter().position(|(n, _)| *n == name);
        if rest.is_empty() {
            match at {
                Some(at) => children[at].1 = Node::Leaf(value),
                None => children.push((name, Node::Leaf(value))),
            }
            return Ok(());
        }
        let at = at.unwrap_or_else(|| {
            children.push((name, Node::Tree(Vec::new())));
            children.len() - 1
        });
        children[at].1.insert(rest, value, key)
    }

    /// The form again, as text that [`Node::parse`] reads.
    pub fn encode(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        self.encode_into("", &mut out);
        out.finish()
    }

    fn encode_into(&self, path: &str, out: &mut form_urlencoded::Serializer<'_, String>) {
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
    }
}
