//! Changes to manifests in place, text in and text out: what a person wrote around the change stays as it is.
//!
//! Where an edit cannot be made without losing something, it is refused.

use std::ops::Range;

use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};
use toml_parser::lexer::TokenKind;

use crate::model::capability::{Grants, Scope};
use crate::model::name::ExtensionName;

/// Where a component comes from, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenSource {
    Oci {
        reference: String,
        /// Its tag, for a `version` that stands beside it.
        revision: String,
    },
    Path(String),
}

/// What an entry is changed to. Limits and config stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub source: WrittenSource,
    /// Grants that are added to those that are there: whole capabilities, and further items of lists.
    pub grants: Grants,
}

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is not TOML: {0}")]
    Syntax(String),
    #[error("`{name}` is written in a way that cannot be edited")]
    Form {
        name: String,
        /// What to write, if something is to be.
        line: Option<String>,
    },
    #[error("`{0}` stands where it cannot be taken away")]
    Removal(String),
    #[error("the comment `{comment}` would be lost")]
    Comment { comment: String, line: String },
    #[error("its extensions are written in a way that none can be added to")]
    NoPlace {
        /// What to write.
        line: String,
    },
}

/// The text of a new drop-in manifest, with a comment at each grant.
pub fn new_drop_in(name: &ExtensionName, change: &Change) -> String {
    let mut head = Table::new();
    head["name"] = Item::Value(name.as_str().into());
    set_source(&mut head, &change.source);
    let mut document = DocumentMut::new();
    document["extension"] = Item::Table(head);
    let mut grants = Table::new();
    grants.decor_mut().set_prefix("\n# Everything that is not granted is denied.\n");
    add_grants(&mut grants, &change.grants, Comments::Yes);
    document["capabilities"] = Item::Table(grants);
    document.to_string()
}

/// Changes a drop-in manifest.
///
/// # Errors
/// [`EditError`] if it is no drop-in.
pub fn edit_drop_in(text: &str, change: &Change) -> Result<String, EditError> {
    let mut document = parse(text)?;
    let root = document.as_table_mut();
    let head = root.get_mut("extension").and_then(Item::as_table_like_mut);
    let form = || EditError::Form { name: "extension".to_owned(), line: None };
    set_source(head.ok_or_else(form)?, &change.source);
    grant(root, &change.grants, Comments::Yes)?;
    let edited = written_like(text, &document);
    keeps_comments(text, &edited, change)?;
    Ok(edited)
}

/// Adds an extension to `sesame.toml`, where the others stand: one line, or a table at the end. Nothing else is changed.
///
/// # Errors
/// [`EditError::NoPlace`], with the line, if they stand where none can be added.
pub fn add_entry(text: &str, name: &ExtensionName, change: &Change) -> Result<String, EditError> {
    let document = Document::parse(text).map_err(|error| EditError::Syntax(error.message().to_owned()))?;
    let line = entry_line(name, change)?;
    let no_place = || EditError::NoPlace { line: line.clone() };
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let append = |header: &str, body: &str| {
        let close = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        let gap = if text.is_empty() || text.ends_with(&end.repeat(2)) { "" } else { end };
        format!("{text}{close}{gap}{header}{end}{body}{end}")
    };
    let added = match document.get("extensions") {
        None => append("[extensions]", &line),
        Some(Item::Table(table)) if table.is_implicit() && !table.is_dotted() => {
            append(&format!("[extensions.{name}]"), &table_lines(change)?.join(end))
        }
        Some(Item::Table(table)) => {
            let mut spans = Vec::new();
            own_spans(table, &mut spans);
            let header = table.span().filter(|_| !table.is_dotted());
            let last = spans.iter().map(|span| span.end).max().or(header.map(|span| span.end)).ok_or_else(no_place)?;
            let mut at = text[last..].find('\n').map_or(text.len(), |newline| last + newline + 1);
            // The first entry of a table goes below what is said of the table.
            while spans.is_empty() && text[at..].starts_with('#') {
                at = text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1);
            }
            let close = if text[..at].ends_with('\n') { "" } else { end };
            let prefix = if table.is_dotted() { "extensions." } else { "" };
            format!("{}{close}{prefix}{line}{end}{}", &text[..at], &text[at..])
        }
        Some(_) => return Err(no_place()),
    };
    let is_there = |text: &str| {
        let document = Document::parse(text).ok()?;
        document.get("extensions")?.as_table_like()?.get(name.as_str()).map(drop)
    };
    is_there(&added).map(|()| added).ok_or_else(no_place)
}

/// `name = …`, as it stands in `[extensions]`.
fn entry_line(name: &ExtensionName, change: &Change) -> Result<String, EditError> {
    Ok(format!("{name} = {}", entry_value(change)?.to_string().trim()))
}

/// A reference alone, or an inline table.
fn entry_value(change: &Change) -> Result<Value, EditError> {
    if let (WrittenSource::Oci { reference, .. }, true) = (&change.source, change.grants.is_empty()) {
        return Ok(Value::from(reference.as_str()));
    }
    let mut table = InlineTable::new();
    set_source(&mut table, &change.source);
    grant(&mut table, &change.grants, Comments::No)?;
    Ok(Value::InlineTable(table))
}

/// The same as the lines of a table of its own.
fn table_lines(change: &Change) -> Result<Vec<String>, EditError> {
    let mut table = Table::new();
    set_source(&mut table, &change.source);
    grant(&mut table, &change.grants, Comments::No)?;
    Ok(table.to_string().lines().map(str::to_owned).collect())
}

/// Changes an extension that stands in `sesame.toml`.
///
/// # Errors
/// [`EditError`] if it does not, or not in a form that can be changed.
pub fn edit_entry(text: &str, name: &ExtensionName, change: &Change) -> Result<String, EditError> {
    let form = || EditError::Form { name: name.to_string(), line: Some(keys(change)) };
    let kept = remove_entry(text, name).ok();
    let mut document = parse(text)?;
    let entry = extensions(&mut document).and_then(|table| table.get_mut(name.as_str())).ok_or_else(form)?;
    if let Some(short) = entry.as_value_mut().filter(|value| value.is_str()) {
        let decor = short.decor().clone();
        let mut value = entry_value(change)?;
        *value.decor_mut() = decor;
        *short = value;
    } else {
        let table = entry.as_table_like_mut().ok_or_else(form)?;
        set_source(table, &change.source);
        grant(table, &change.grants, Comments::No)?;
    }
    let edited = written_like(text, &document);
    // Whatever is not of the entry stays as it was written, and in its order.
    let mut new = edited.lines();
    let is_kept = kept.is_none_or(|kept| kept.lines().all(|line| new.any(|new| new == line)));
    if !is_kept {
        return Err(form());
    }
    keeps_comments(text, &edited, change)?;
    Ok(edited)
}

/// What an entry is to say, key by key, for a person who writes it.
fn keys(change: &Change) -> String {
    let source = match &change.source {
        WrittenSource::Oci { reference, .. } => format!("oci = {}", Value::from(reference.as_str())),
        WrittenSource::Path(path) => format!("path = {}", Value::from(path.as_str())),
    };
    let grants = change.grants.iter().map(|(capability, scope)| format!("{capability} = {}", written(scope)));
    [source].into_iter().chain(grants).collect::<Vec<_>>().join("`, `")
}

/// Refuses an edit that loses a comment.
fn keeps_comments(text: &str, edited: &str, change: &Change) -> Result<(), EditError> {
    let mut left = comments(edited);
    for comment in comments(text) {
        match left.iter().position(|other| *other == comment) {
            Some(at) => drop(left.swap_remove(at)),
            None => return Err(EditError::Comment { comment: comment.to_owned(), line: keys(change) }),
        }
    }
    Ok(())
}

fn comments(text: &str) -> Vec<&str> {
    let tokens = toml_parser::Source::new(text).lex();
    let comments = tokens.filter(|token| token.kind() == TokenKind::Comment);
    comments.filter_map(|token| text.get(token.span().start()..token.span().end())).map(str::trim_end).collect()
}

/// Takes an extension out of `sesame.toml`: its lines go, every comment of its own line stays.
///
/// # Errors
/// [`EditError`] if it is not there.
pub fn remove_entry(text: &str, name: &ExtensionName) -> Result<String, EditError> {
    let form = || EditError::Removal(name.to_string());
    let document = Document::parse(text).map_err(|error| EditError::Syntax(error.message().to_owned()))?;
    let extensions = document.get("extensions").and_then(Item::as_table_like).ok_or_else(form)?;
    let (key, item) = extensions.get_key_value(name.as_str()).ok_or_else(form)?;
    if extensions.get("extensions").is_some_and(Item::is_inline_table) || document["extensions"].is_inline_table() {
        return Err(form());
    }
    let mut spans = Vec::new();
    collect_spans(key, item, &mut spans);
    if spans.is_empty() {
        return Err(form());
    }
    let is_removed = |start: usize, end: usize| spans.iter().any(|span| span.start < end && start < span.end);
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !is_removed(at, at + line.len()) {
            kept.push_str(line);
        }
        at += line.len();
    }
    Ok(kept)
}

/// Where an entry stands: its header, if it has one, and each of its values.
fn collect_spans(key: &Key, item: &Item, spans: &mut Vec<Range<usize>>) {
    if let Item::Value(value) = item
        && let (Some(start), Some(end)) = (key.span(), value.span())
        && !value.as_inline_table().is_some_and(InlineTable::is_dotted)
    {
        spans.push(start.start.min(end.start)..end.end.max(start.end));
        return;
    }
    if let Item::Table(table) = item
        && !table.is_dotted()
        && !table.is_implicit()
    {
        spans.extend(key.span());
    }
    for table in item.as_array_of_tables().into_iter().flat_map(|tables| tables.iter()) {
        spans.extend(table.span());
        for (name, _) in table.iter() {
            if let Some((key, item)) = table.get_key_value(name) {
                collect_spans(key, item, spans);
            }
        }
    }
    for (name, _) in item.as_table_like().into_iter().flat_map(|table| table.iter()) {
        let inner = item.as_table_like().and_then(|table| table.get_key_value(name));
        if let Some((key, item)) = inner {
            collect_spans(key, item, spans);
        }
    }
}

/// Where the values stand that are written under the header of a table itself.
fn own_spans(table: &Table, spans: &mut Vec<Range<usize>>) {
    for (_, item) in table.iter() {
        match item {
            Item::Value(value) => spans.extend(value.span()),
            Item::Table(table) if table.is_dotted() => own_spans(table, spans),
            _ => {}
        }
    }
}

fn parse(text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|error: toml_edit::TomlError| EditError::Syntax(error.message().to_owned()))
}

/// The text of a document, with the line ends of the text that it was made from.
fn written_like(text: &str, document: &DocumentMut) -> String {
    let new = document.to_string();
    if text.contains("\r\n") { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new }
}

fn extensions(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    document.get_mut("extensions").and_then(Item::as_table_like_mut)
}

/// Whether a grant gets a comment that says what it allows; an inline table has no room for one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comments {
    Yes,
    No,
}

/// Writes the source; a `version` follows the tag.
fn set_source(table: &mut dyn TableLike, source: &WrittenSource) {
    let (key, other, text) = match source {
        WrittenSource::Oci { reference, .. } => ("oci", "path", reference),
        WrittenSource::Path(path) => ("path", "oci", path),
    };
    table.remove(other);
    if let (WrittenSource::Oci { revision, .. }, true) = (source, table.contains_key("version")) {
        set(table, "version", revision.strip_prefix('v').unwrap_or(revision).into());
    }
    set(table, key, text.as_str().into());
}

/// Sets a value, and keeps the space and the comment that stand around the old one.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}

/// Adds grants to the `capabilities` of an extension, which are made where there are none.
fn grant(table: &mut dyn TableLike, grants: &Grants, comments: Comments) -> Result<(), EditError> {
    if grants.is_empty() {
        return Ok(());
    }
    if table.get("capabilities").is_none() {
        let new = match comments {
            Comments::Yes => Item::Table(Table::new()),
            Comments::No => Item::Value(Value::InlineTable(InlineTable::new())),
        };
        table.insert("capabilities", new);
    }
    let capabilities = table.get_mut("capabilities");
    let comments = match &capabilities {
        Some(Item::Table(table)) if !table.is_dotted() => comments,
        _ => Comments::No,
    };
    let capabilities = capabilities.and_then(Item::as_table_like_mut);
    add_grants(
        capabilities.ok_or_else(|| EditError::Form { name: "capabilities".to_owned(), line: None })?,
        grants,
        comments,
    );
    Ok(())
}

fn add_grants(table: &mut dyn TableLike, grants: &Grants, comments: Comments) {
    for (capability, scope) in grants {
        let key = capability.as_str();
        let list = table.get_mut(key).and_then(Item::as_array_mut);
        if let (Some(list), Scope::Only(items)) = (list, scope) {
            list.extend(items.iter().map(String::as_str));
            continue;
        }
        let is_new = !table.contains_key(key);
        // The space before the `}` of an inline table is of its last value.
        let last = table.iter_mut().last().and_then(|(_, item)| item.as_value_mut()).map(Value::decor_mut);
        let space = last.filter(|decor| is_new && decor.suffix().and_then(|raw| raw.as_str()) == Some(" "));
        let space = space.map(|decor| decor.set_suffix(""));
        set(table, key, written(scope));
        if let (Some(()), Some(value)) = (space, table.get_mut(key).and_then(Item::as_value_mut)) {
            value.decor_mut().set_suffix(" ");
        }
        let value = table.get_mut(key).and_then(Item::as_value_mut);
        if let Some(value) = value.filter(|_| is_new && comments == Comments::Yes) {
            value.decor_mut().set_suffix(format!("  # {}", capability.allows_of(scope)));
        }
    }
}

fn written(scope: &Scope) -> Value {
    match scope {
        Scope::Whole => Value::from(true),
        Scope::Only(items) => Value::Array(items.iter().map(String::as_str).collect::<Array>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::Grant;

    fn name() -> ExtensionName {
        "clock".parse().unwrap()
    }

    fn change(reference: &str, grants: &[&str]) -> Change {
        let grant = |text: &&str| {
            let Grant { capability, scope } = text.parse().unwrap();
            (capability, scope)
        };
        let revision = reference.rsplit(':').next().unwrap().to_owned();
        Change {
            source: WrittenSource::Oci { reference: reference.to_owned(), revision },
            grants: grants.iter().map(grant).collect(),
        }
    }

    #[test]
    fn a_new_drop_in_says_what_each_grant_allows() {
        let text = new_drop_in(&name(), &change("r.io/o/clock:2", &["config-read", "secret-read=pin,api"]));
        let expected = "[extension]\nname = \"clock\"\noci = \"r.io/o/clock:2\"\n\n\
                        # Everything that is not granted is denied.\n[capabilities]\n\
                        config-read = true  # reads the settings that it is given in [config]\n\
                        secret-read = [\"api\", \"pin\"]  # reads these secrets of yours\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn edits_change_only_what_they_mean() {
        let inline = "# top\n[extensions]\nclock = { oci = \"r.io/o/clock:1\", version = \"1\", limits.max_fuel = 5 } # mine\nb = \"r.io/o/b:1\"\n";
        assert_eq!(
            edit_entry(inline, &name(), &change("r.io/o/clock:2", &["notification"])).unwrap(),
            "# top\n[extensions]\nclock = { oci = \"r.io/o/clock:2\", version = \"2\", limits.max_fuel = 5 , capabilities = { notification = true } } # mine\nb = \"r.io/o/b:1\"\n"
        );
        let short = "extensions.clock   = \"r.io/o/clock:1\"   # why\n";
        assert_eq!(
            edit_entry(short, &name(), &change("r.io/o/clock:2", &[])).unwrap(),
            "extensions.clock   = \"r.io/o/clock:2\"   # why\n"
        );
        assert_eq!(
            edit_entry(short, &name(), &change("r.io/o/clock:2", &["config-read"])).unwrap(),
            "extensions.clock   = { oci = \"r.io/o/clock:2\", capabilities = { config-read = true } }   # why\n"
        );
        let table =
            "[extensions.clock]\noci = \"r.io/o/clock:1\" # pin\ncapabilities.config-read = true\n\n[config]\nx = 1\n";
        assert_eq!(
            edit_entry(table, &name(), &change("r.io/o/clock:2", &["env=A"])).unwrap(),
            "[extensions.clock]\noci = \"r.io/o/clock:2\" # pin\ncapabilities.config-read = true\ncapabilities.env = [\"A\"]\n\n[config]\nx = 1\n"
        );
    }

    #[test]
    fn lists_grow_where_they_stand_and_comments_and_line_ends_stay() {
        let text = "[extension]\r\nname = \"clock\"\r\n# pinned because of #5\r\nversion = \"1\"\r\noci = \"r.io/o/clock:1\"\r\n\r\n\
                    [capabilities]\r\nsecret-read = [\r\n  \"pin\", # mine\r\n] # two\r\nconfig-read = [\"a\"] # keys\r\n";
        let edited = edit_drop_in(text, &change("r.io/o/clock:v2", &["secret-read=api", "config-read"])).unwrap();
        let expected = text
            .replace("version = \"1\"", "version = \"2\"")
            .replace("clock:1", "clock:v2")
            .replace("  \"pin\", # mine\r\n]", "  \"pin\", \"api\", # mine\r\n]")
            .replace("config-read = [\"a\"]", "config-read = true");
        assert_eq!(edited.replace(' ', ""), expected.replace(' ', ""), "{edited}");
        assert_eq!(edited.matches("\r\n").count(), edited.matches('\n').count());
    }

    #[test]
    fn a_removed_entry_takes_only_its_own_lines() {
        let text = "# top\r\n\r\n[extensions]\r\n# about a\r\na = \"r.io/o/a:1\"\r\n# clock\r\nclock = { oci = \"r.io/o/clock:1\" }  # mine\r\n# b\r\nb = \"r.io/o/b:1\"\r\n";
        let expected = text.replace("clock = { oci = \"r.io/o/clock:1\" }  # mine\r\n", "");
        assert_eq!(remove_entry(text, &name()).unwrap(), expected);
        let table = "# top\n[extensions.clock]\noci = \"r.io/o/clock:1\"\ncapabilities.env = [\n  \"A\",\n]\n# then\n\n[extensions.clock.limits]\nmax_fuel = 1\n\n[config]\nx = 1\n\n[extensions.a]\noci = \"r.io/o/a:1\"\n";
        assert_eq!(
            remove_entry(table, &name()).unwrap(),
            "# top\n# then\n\n\n[config]\nx = 1\n\n[extensions.a]\noci = \"r.io/o/a:1\"\n"
        );
        let dotted = "extensions.clock.oci = \"r.io/o/clock:1\" # x\nextensions.a = \"r.io/o/a:1\"\nextensions.clock.limits.max_fuel = 1\n";
        assert_eq!(remove_entry(dotted, &name()).unwrap(), "extensions.a = \"r.io/o/a:1\"\n");
        for text in ["x = 1\n", "extensions = { clock = \"r.io/o/clock:1\", b = \"r.io/o/b:1\" }\n"] {
            assert_eq!(remove_entry(text, &name()), Err(EditError::Removal("clock".to_owned())));
        }
    }
}
