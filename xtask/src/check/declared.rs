//! What the published `libc` crate declares for the userland's target: its source, with the
//! conditions of its items judged as the compiler judges them there.
use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, ForeignItem, Item, Meta, Token};

/// The conditions that hold on the target, as `name="value"` or `name`.
const HOLDS: &[&str] = &[
    "unix",
    "target_os=redox",
    "target_env=relibc",
    "target_family=unix",
    "target_arch=x86_64",
    "target_vendor=unknown",
    "target_pointer_width=64",
    "target_endian=little",
];
/// The files that are compiled for it and declare functions.
const FILES: &[&str] = &["src/unix/mod.rs", "src/unix/redox/mod.rs"];

/// The names of all functions that the crate in a folder declares.
pub(super) fn functions(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in FILES {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        add(&text, &mut names).with_context(|| format!("cannot parse {}", path.display()))?;
    }
    Ok(names)
}

/// Adds those of one source.
fn add(text: &str, names: &mut BTreeSet<String>) -> anyhow::Result<()> {
    gather(syn::parse_file(text)?.items, names)
}

fn gather(items: Vec<Item>, names: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for item in items {
        match item {
            Item::ForeignMod(module) if holds(&module.attrs)? => {
                for item in module.items {
                    if let ForeignItem::Fn(function) = item
                        && holds(&function.attrs)?
                    {
                        names.insert(function.sig.ident.to_string());
                    }
                }
            }
            Item::Macro(call) if call.mac.path.is_ident("cfg_if") => {
                let Branches(branches) = call.mac.parse_body()?;
                for (condition, items) in branches {
                    if condition.map_or(Ok(true), |condition| is_true(&condition))? {
                        gather(items, names)?;
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What stands in `cfg_if!`: conditions and items; the last may be without a condition.
struct Branches(Vec<(Option<Meta>, Vec<Item>)>);

impl Parse for Branches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Branches> {
        let mut branches = Vec::new();
        loop {
            let condition = if input.peek(Token![if]) {
                input.parse::<Token![if]>()?;
                let attributes = input.call(Attribute::parse_outer)?;
                let [attribute] = attributes.as_slice() else {
                    return Err(input.error("one condition is expected"));
                };
                Some(attribute.parse_args::<Meta>()?)
            } else {
                None
            };
            let body;
            syn::braced!(body in input);
            let mut items = Vec::new();
            while !body.is_empty() {
                items.push(body.parse::<Item>()?);
            }
            branches.push((condition, items));
            if input.is_empty() {
                return Ok(Branches(branches));
            }
            input.parse::<Token![else]>()?;
        }
    }
}

/// Whether an item with these attributes is compiled.
fn holds(attributes: &[Attribute]) -> anyhow::Result<bool> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        if !is_true(&attribute.parse_args::<Meta>()?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_true(condition: &Meta) -> anyhow::Result<bool> {
    let name = condition.path().get_ident().map(ToString::to_string).unwrap_or_default();
    match condition {
        Meta::Path(_) => Ok(HOLDS.contains(&name.as_str())),
        Meta::NameValue(pair) => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. }) => {
                Ok(HOLDS.contains(&format!("{name}={}", value.value()).as_str()))
            }
            _ => Err(anyhow!("the value of {name} is no text")),
        },
        Meta::List(list) => {
            let each = syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated;
            let conditions = list.parse_args_with(each)?;
            let judged = conditions.iter().map(is_true).collect::<anyhow::Result<Vec<bool>>>()?;
            match name.as_str() {
                "any" => Ok(judged.contains(&true)),
                "all" => Ok(!judged.contains(&false)),
                "not" => Ok(judged == [false]),
                _ => Err(anyhow!("the condition {name} is not known")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let mut names = BTreeSet::new();
        add(text, &mut names).unwrap();
        names.into_iter().collect()
    }

    #[test]
    fn functions_count_where_their_conditions_hold() {
        let text = r#"
            extern "C" {
                pub fn always(x: u8, ...);
                #[cfg(not(any(target_os = "redox", windows)))]
                pub fn elsewhere();
                #[cfg(all(unix, target_pointer_width = "64"))]
                #[cfg_attr(target_os = "netbsd", link_name = "other")]
                pub fn here();
                pub static data: u8;
            }
            pub fn ordinary() {}
        "#;
        assert_eq!(names(text), ["always", "here"]);
    }

    #[test]
    fn the_first_branch_that_holds_counts_alone() {
        let text = r#"
            cfg_if! {
                if #[cfg(target_os = "linux")] {
                    extern "C" { pub fn linux(); }
                } else if #[cfg(target_os = "redox")] {
                    mod redox;
                    extern "C" { pub fn redox(); }
                } else {
                    extern "C" { pub fn other(); }
                }
            }
            cfg_if! {
                if #[cfg(target_os = "linux")] {
                } else {
                    cfg_if! { if #[cfg(unix)] { extern "C" { pub fn nested(); } } }
                }
            }
        "#;
        assert_eq!(names(text), ["nested", "redox"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let text = "extern \"C\" { #[cfg(strange(unix))] fn x(); }";
        assert!(add(text, &mut BTreeSet::new()).is_err());
    }
}
