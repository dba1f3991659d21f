//! What an extension asks for or would be granted, and the questions whether it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sesame::model::capability::grant::{Grant, format_grants};
use sesame::model::capability::{Capability, Scope, ScopeForm};
use sesame::model::manifest::OciRange;
use sesame::model::name::ExtensionName;
use sesame::model::text::{escape, size};
use sesame::ops::edit::consent::ConsentRequest;
use sesame::ops::edit::grants::GrantPreview;
use sesame::ops::edit::transaction::AfterEdit;
use sesame::ops::error::policy::capability_list;

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
    let others = others.into_iter().flat_map(|(grants, state)| {
        let row = move |(capability, scope): (&Capability, &Scope)| {
            vec![one_grant(*capability, scope), state.to_owned(), capability.describe(scope).to_owned()]
        };
        grants.iter().map(row)
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
    let choose = if asks.asked().is_empty() { "" } else { " (c: choose one by one)" };
    let question = match (asks.lost_range, asks.missing.is_empty(), asks.inherited.is_empty()) {
        (Some(_), true, true) => "replace the range?",
        (Some(_), _, true) => "grant what it asks for, and replace the range?",
        (None, _, true) => "grant what it asks for?",
        _ => "grant all of that to it?",
    };
    format!("{text}{question}{choose} [y/N] ")
}

/// The question about one capability.
pub fn capability_question(capability: Capability, proposed: &Scope) -> String {
    let items = match (capability.form(), capability) {
        (ScopeForm::Whole, _) => "",
        (_, Capability::ConfigRead) => ", or key prefixes separated by commas",
        (_, Capability::FsRead | Capability::FsWrite) => ", or folders separated by commas",
        _ => ", or names separated by commas",
    };
    let (grant, allows) = (one_grant(capability, proposed), capability.describe(proposed));
    format!("grant {grant} ({allows})? [y/N{items}] ")
}

/// The question whether a range of versions is replaced.
pub fn range_question(range: &OciRange) -> String {
    format!("replace the range {}? [y/N] ", range.requirement)
}

/// That a capability was declined which the component cannot do without.
pub fn needed(name: &ExtensionName, capability: Capability) -> String {
    format!("`{name}` imports {capability}, so it cannot be activated without it\n")
}

/// What a change of grants would do, and the question.
pub fn grants_question(preview: &GrantPreview) -> String {
    let GrantPreview { name, source, file, before, after, is_locked, missing, unused, then, held } = preview;
    let mut text = format!("{}  {}\n", Style::strong(name.as_str()), escape(source));
    let (before, after, is_written) = match held {
        Some((held, left)) if before == after => (held, left, false),
        _ => (before, after, true),
    };
    let capabilities: BTreeSet<&Capability> = before.keys().chain(after.keys()).collect();
    text.push_str(&table(capabilities.into_iter().filter_map(|capability| {
        let grant = |scope: &Scope| one_grant(*capability, scope);
        let (change, scope) = match (before.get(capability), after.get(capability)) {
            (None, None) => return None,
            (None, Some(to)) => (Style::added(&format!("+ {}", grant(to))), to),
            (Some(from), None) => (Style::removed(&format!("- {}", grant(from))), from),
            (Some(from), Some(to)) if from == to => (format!("  {}", grant(to)), to),
            (Some(from), Some(to)) => (format!("~ {} → {}", grant(from), grant(to)), to),
        };
        Some(vec![change, capability.describe(scope).to_owned()])
    })));
    let mut note = |note: String| text.push_str(&format!("  {} {note}\n", Style::warning("note:")));
    if !is_locked {
        note("it is not locked, so what it imports is not known".to_owned());
    }
    if !unused.is_empty() {
        note(format!("its component does not import {}", capability_list(unused)));
    }
    if !missing.is_empty() {
        let missing = capability_list(missing);
        note(format!(
            "its component imports {missing}: without that it cannot be called, and `sesame sync` is refused"
        ));
    }
    if !is_written {
        return format!("{text}remove this from the held set? [y/N] ");
    }
    let activated = if *then == AfterEdit::Sync { " and sync" } else { "" };
    format!("{text}write this to {}{activated}? [y/N] ", escape(file))
}

/// A grant as it is written after `--grant`.
fn one_grant(capability: Capability, scope: &Scope) -> String {
    escape(&Grant { capability, scope: scope.clone() }.to_string()).into_owned()
}
