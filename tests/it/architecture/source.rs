//! A Rust file as the architecture rules see it: every path it names, in `use` trees, in code, in attributes
//! and in the tokens of macros, and the few items that the rules ask about.

use std::path::Path;

use syn::buffer::{Cursor, TokenBuffer};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Lit, Token, UseTree};

pub struct Source {
    /// From the root of the repository, with `/`.
    pub file: String,
    pub lines: usize,
    pub names: Vec<Name>,
    pub modules: Vec<Module>,
    /// Float types, literals and methods, as written.
    pub floats: Vec<String>,
    /// Functions that implement no trait, those in tests left out.
    pub functions: Vec<String>,
    /// Items that would lead to code which no other field shows.
    pub hidden: Vec<String>,
    /// Names that a `use` or a `mod` of this file brings into it.
    bound: Vec<String>,
}

/// A path, as written.
pub struct Name {
    pub segments: Vec<String>,
    pub in_use: bool,
    leading_colon: bool,
    /// The module it stands in, from the root of the crate.
    module: Vec<String>,
}

/// A `mod` item.
pub struct Module {
    pub name: String,
    pub top_level: bool,
}

impl Source {
    pub fn read(root: &Path, file: &str) -> Self {
        let text = std::fs::read_to_string(root.join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        Self::parse(file, &text)
    }

    pub fn parse(file: &str, text: &str) -> Self {
        let syntax =
            syn::parse_file(text).unwrap_or_else(|error| panic!("{file} doesn't parse: {error}"));
        let mut reader = Reader {
            source: Self {
                file: file.to_owned(),
                lines: text.lines().count(),
                names: vec![],
                modules: vec![],
                floats: vec![],
                functions: vec![],
                hidden: vec![],
                bound: vec![],
            },
            module: module_of(file),
            depth: 0,
            owner: None,
            in_trait: false,
            in_test: false,
        };
        reader.visit_file(&syntax);
        reader.source
    }

    /// Whether the file is `folder` with `.rs`, or lies in it: `src/stripe` is `src/stripe.rs` and `src/stripe/…`.
    pub fn is_in(&self, folder: &str) -> bool {
        let rest = self.file.strip_prefix(folder);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// The other crate that a name begins with, unless the file binds that name itself.
    pub fn other_crate<'a>(&self, name: &'a Name) -> Option<&'a str> {
        let first = name.segments.first()?.as_str();
        if name.leading_colon {
            return Some(first);
        }
        let local = ["crate", "self", "super", "Self"].contains(&first)
            || self.bound.iter().any(|bound| bound == first);
        let is_path = name.in_use || name.segments.len() > 1;
        (is_path && !local).then_some(first)
    }
}

impl Name {
    pub fn text(&self) -> String {
        self.segments.join("::")
    }

    /// The path from the root of its crate, when it begins with `crate`, `self` or `super`.
    pub fn rooted(&self) -> Option<Vec<String>> {
        let mut rest = self.segments.as_slice();
        let mut base = match rest.first()?.as_str() {
            "crate" => {
                rest = &rest[1..];
                vec![]
            }
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        while let Some(step) = rest.first() {
            match step.as_str() {
                "self" => {}
                "super" => {
                    base.pop();
                }
                _ => break,
            }
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// Whether these segments stand in it, side by side.
    pub fn holds(&self, wanted: &[&str]) -> bool {
        self.segments.windows(wanted.len()).any(|w| w == wanted)
    }
}

/// `src/sellers/routes.rs` is `sellers::routes`, `src/lib.rs` the root.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    let path = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

struct Reader {
    source: Source,
    module: Vec<String>,
    depth: usize,
    /// The type whose inherent `impl` we are in.
    owner: Option<String>,
    in_trait: bool,
    in_test: bool,
}

impl Reader {
    fn name(&mut self, segments: Vec<String>, leading_colon: bool, in_use: bool) {
        self.source.names.push(Name {
            segments,
            in_use,
            leading_colon,
            module: self.module.clone(),
        });
    }

    fn function(&mut self, name: &str) {
        if self.in_test || self.in_trait {
            return;
        }
        let owner = self.owner.as_ref().map(|owner| format!("{owner}::"));
        let owner = owner.unwrap_or_default();
        self.source.functions.push(format!("{owner}{name}"));
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], leading_colon: bool) {
        let mut path = before.to_vec();
        let bound = match tree {
            UseTree::Path(step) => {
                path.push(step.ident.unraw().to_string());
                return self.use_tree(&step.tree, &path, leading_colon);
            }
            UseTree::Group(group) => {
                for item in &group.items {
                    self.use_tree(item, before, leading_colon);
                }
                return;
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                None
            }
            UseTree::Name(leaf) => {
                path.push(leaf.ident.unraw().to_string());
                path.last().cloned()
            }
            UseTree::Rename(leaf) => {
                path.push(leaf.ident.unraw().to_string());
                Some(leaf.rename.unraw().to_string())
            }
        };
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        // `use stripe;` binds the crate itself, which is no reason to overlook it. A group's `self` binds
        // the segment before it.
        if path.len() > 1 {
            let bound = bound.map(|b| {
                if b == "self" {
                    path[path.len() - 1].clone()
                } else {
                    b
                }
            });
            self.source.bound.extend(bound);
        }
        self.name(path, leading_colon, true);
    }

    fn float_word(&mut self, word: &str) {
        // `is_f64` is how a float is refused.
        let method = word.ends_with("_f64") || word.ends_with("_f32");
        if ["f32", "f64"].contains(&word) || (method && word != "is_f64") {
            self.source.floats.push(word.to_owned());
        }
    }

    /// Reads paths and floats out of tokens that syn leaves alone: a macro's, or an attribute's.
    fn tokens(&mut self, mut at: Cursor<'_>, attribute: bool) {
        let (mut before, mut before_that) = (' ', ' ');
        while !at.eof() {
            let mut seen = ' ';
            if let Some((_, next)) = at.lifetime() {
                at = next;
            } else if let Some((ident, next)) = at.ident() {
                let first = ident.unraw().to_string();
                at = self.path_in_tokens(first, next, before, before_that);
            } else if let Some((literal, next)) = at.literal() {
                match Lit::new(literal) {
                    Lit::Str(text) if attribute => self.path_in_text(&text),
                    // In `pair.0.1` the tokens hold a `0.1`.
                    Lit::Float(_) if before == '.' => {}
                    literal => self.literal(&literal),
                }
                at = next;
            } else if let Some((punct, next)) = at.punct() {
                seen = punct.as_char();
                at = next;
            } else if let Some((inside, _, _, next)) = at.any_group() {
                self.tokens(inside, attribute);
                at = next;
            } else if let Some((_, next)) = at.token_tree() {
                at = next;
            }
            (before_that, before) = (before, seen);
        }
    }

    fn path_in_tokens<'a>(
        &mut self,
        first: String,
        mut at: Cursor<'a>,
        before: char,
        before_that: char,
    ) -> Cursor<'a> {
        self.float_word(&first);
        if first == "fn" {
            if let Some((name, _)) = at.ident() {
                self.function(&format!("{name} (in a macro)"));
            }
            return at;
        }
        if before == '.' && before_that != '.' {
            return at;
        }
        let mut path = vec![first];
        let leading_colon = before == ':' && before_that == ':';
        while let Some(after) = double_colon(at) {
            if let Some((ident, next)) = after.ident() {
                self.float_word(&ident.to_string());
                path.push(ident.unraw().to_string());
                at = next;
                continue;
            }
            if after.punct().is_some_and(|(p, _)| p.as_char() == '*') {
                path.push("*".to_owned());
                self.name(path, leading_colon, true);
                return after;
            }
            if let Some((inside, _, _, next)) = after.any_group() {
                let trees = Punctuated::<UseTree, Token![,]>::parse_terminated
                    .parse2(inside.token_stream())
                    .unwrap_or_default();
                for tree in &trees {
                    self.use_tree(tree, &path, leading_colon);
                }
                return next;
            }
            break;
        }
        self.name(path, leading_colon, false);
        at
    }

    fn literal(&mut self, literal: &Lit) {
        match literal {
            Lit::Float(float) => self.source.floats.push(float.to_string()),
            // `2f64` is an integer to syn.
            Lit::Int(int) if int.suffix().starts_with('f') => {
                self.source.floats.push(int.to_string());
            }
            _ => {}
        }
    }

    /// `#[serde(with = "crate::x")]` is a path too.
    fn path_in_text(&mut self, text: &syn::LitStr) {
        if let Ok(path) = text.parse::<syn::Path>() {
            self.visit_path(&path);
        }
    }
}

fn double_colon(at: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, next) = at.punct()?;
    let (second, next) = next.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(next)
}

fn is_test_only(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attribute| {
        let inside = attribute.meta.require_list().ok();
        let word = inside.and_then(|list| list.parse_args::<syn::Ident>().ok());
        attribute.path().is_ident("cfg") && word.is_some_and(|word| word == "test")
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.float_word(&ident.to_string());
    }

    fn visit_lit(&mut self, literal: &'ast Lit) {
        self.literal(literal);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments = path.segments.iter();
        let segments = segments.map(|s| s.ident.unraw().to_string()).collect();
        self.name(segments, path.leading_colon.is_some(), false);
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if item.ident == "self" {
            let hidden = "extern crate self, a second name for the crate";
            self.source.hidden.push(hidden.to_owned());
        }
        self.name(vec![item.ident.unraw().to_string()], true, true);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.unraw().to_string();
        if item.attrs.iter().any(|a| a.path().is_ident("path")) {
            let hidden = format!("#[path] on `mod {name}`");
            self.source.hidden.push(hidden);
        }
        self.source.bound.push(name.clone());
        self.source.modules.push(Module {
            name: name.clone(),
            top_level: self.depth == 0,
        });
        let was_test = self.in_test;
        self.in_test |= is_test_only(&item.attrs);
        self.depth += 1;
        self.module.push(name);
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.depth -= 1;
        self.in_test = was_test;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let was = (self.owner.take(), self.in_trait);
        self.in_trait = item.trait_.is_some();
        if let syn::Type::Path(path) = &*item.self_ty {
            let last = path.path.segments.last();
            self.owner = last.map(|last| last.ident.to_string());
        }
        visit::visit_item_impl(self, item);
        (self.owner, self.in_trait) = was;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let was = self.in_trait;
        // A method that a trait of ours carries in full is a method with a rule in it.
        self.in_trait = false;
        for part in &item.items {
            if let syn::TraitItem::Fn(function) = part
                && function.default.is_some()
            {
                self.function(&format!("{}::{}", item.ident, function.sig.ident));
            }
        }
        self.in_trait = true;
        visit::visit_item_trait(self, item);
        self.in_trait = was;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident.to_string());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.visit_path(&mac.path);
        if mac
            .path
            .segments
            .last()
            .is_some_and(|s| s.ident == "include")
        {
            self.source.hidden.push("include!".to_owned());
        }
        self.tokens(TokenBuffer::new2(mac.tokens.clone()).begin(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::Path(path) => self.visit_path(path),
            syn::Meta::List(list) => {
                self.visit_path(&list.path);
                self.tokens(TokenBuffer::new2(list.tokens.clone()).begin(), true);
            }
            syn::Meta::NameValue(pair) if !pair.path.is_ident("doc") => {
                if let syn::Expr::Lit(syn::ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) = &pair.value
                {
                    self.path_in_text(text);
                }
            }
            syn::Meta::NameValue(_) => {}
        }
    }
}
