//! What an extension asks for, and the question whether to grant it.

use std::fmt::Write as _;

use sesame::model::capability::{Capability, format_grants};
use sesame::model::text::{escape, size};
use sesame::ops::edit::consent::ConsentRequest;

use super::lock_changes::wit_packages;
use super::style::Style;
use super::table::table;

/// What an extension asks for, and the question.
pub fn question(asks: &ConsentRequest<'_>) -> String {
    let mut text = format!(
        "{} {}  {}  {}\n",
        Style::strong(asks.name.as_str()),
        escape(asks.source),
        asks.entry.component.short(),
        size(asks.entry.size)
    );
    if let Some(replaced) = asks.replaced.filter(|replaced| *replaced != asks.source) {
        let _ = writeln!(text, "  replaces {}", escape(replaced));
    }
    let granted = format_grants(asks.granted).into_iter().zip(asks.granted);
    let granted = granted.map(|(grant, (capability, scope))| {
        vec![escape(&grant).into_owned(), "granted".to_owned(), capability.describe(scope).to_owned()]
    });
    let others = [(asks.missing, "asked for"), (asks.inherited, "from before")];
    let others = others.into_iter().flat_map(|(capabilities, state)| {
        let row = move |capability: &Capability| {
            vec![capability.to_string(), state.to_owned(), capability.description().to_owned()]
        };
        capabilities.iter().map(row)
    });
    text.push_str(&table(granted.chain(others)));
    let wasi = wit_packages(asks.entry.imports.iter().filter(|import| import.starts_with("wasi:")));
    if !wasi.is_empty() {
        let wasi: Vec<String> = wasi.into_iter().collect();
        let _ = writeln!(text, "  it uses {}, which shows it nothing that is not granted", wasi.join(", "));
    }
    if let Some(range) = asks.lost_range {
        let _ = writeln!(text, "  version {} does not allow this one; it would replace the range", range.requirement);
    }
    let question = match (asks.lost_range, asks.missing, asks.inherited) {
        (Some(_), [], []) => "replace the range?",
        (Some(_), _, []) => "grant what it asks for, and replace the range?",
        (None, _, []) => "grant what it asks for?",
        _ => "grant all of that to it?",
    };
    format!("{text}{question} [y/N] ")
}
