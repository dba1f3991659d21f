//! Edits of the entries of `[extensions]` in `sesame.toml`.

use std::ops::Range;

use toml_edit::{Document, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};
use toml_parser::lexer::TokenKind;

use crate::model::manifest::edit::{
    Comments, EntryChange, ManifestEditError, WrittenSource, grant, parse, set_source, written, written_like,
};
use crate::model::name::ExtensionName;

/// Adds an extension to `sesame.toml`, where the others stand: one line, or a table at the end. Nothing else is changed.
///
/// # Errors
/// [`ManifestEditError::NoPlace`], with the line, if they stand where none can be added.
pub fn add_entry(text: &str, name: &ExtensionName, change: &EntryChange) -> Result<String, ManifestEditError> {
    let document = Document::parse(text).map_err(|error| ManifestEditError::Syntax(error.message().to_owned()))?;
    let line = entry_line(name, change)?;
    let no_place = || ManifestEditError::NoPlace { line: line.clone() };
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
pub(crate) fn entry_line(name: &ExtensionName, change: &EntryChange) -> Result<String, ManifestEditError> {
    Ok(format!("{name} = {}", entry_value(change)?.to_string().trim()))
}

/// A reference alone, or an inline table.
pub(crate) fn entry_value(change: &EntryChange) -> Result<Value, ManifestEditError> {
    if let (Some(WrittenSource::Oci { reference, .. }), true) = (&change.source, change.grants.is_empty()) {
        return Ok(Value::from(reference.as_str()));
    }
    let mut table = InlineTable::new();
    set_source(&mut table, change);
    grant(&mut table, &change.grants, Comments::No)?;
    Ok(Value::InlineTable(table))
}

/// The same as the lines of a table of its own.
pub(crate) fn table_lines(change: &EntryChange) -> Result<Vec<String>, ManifestEditError> {
    let mut table = Table::new();
    set_source(&mut table, change);
    grant(&mut table, &change.grants, Comments::No)?;
    Ok(table.to_string().lines().map(str::to_owned).collect())
}

/// Changes an extension that stands in `sesame.toml`.
///
/// # Errors
/// [`ManifestEditError`] if it does not, or not in a form that can be changed.
pub fn edit_entry(text: &str, name: &ExtensionName, change: &EntryChange) -> Result<String, ManifestEditError> {
    let form = || ManifestEditError::Form { name: name.to_string(), line: Some(keys(change)) };
    let kept = remove_entry(text, name).ok();
    let mut document = parse(text)?;
    let entry = extensions(&mut document).and_then(|table| table.get_mut(name.as_str())).ok_or_else(form)?;
    if let Some(short) = entry.as_value_mut().filter(|value| value.is_str()) {
        let decor = short.decor().clone();
        let reference = short.as_str().unwrap_or_default().to_owned();
        let own = || WrittenSource::Oci { reference, revision: String::new() };
        let source = Some(change.source.clone().unwrap_or_else(own));
        let mut value = entry_value(&EntryChange { source, grants: change.grants.clone() })?;
        *value.decor_mut() = decor;
        *short = value;
    } else {
        let table = entry.as_table_like_mut().ok_or_else(form)?;
        set_source(table, change);
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
pub(crate) fn keys(change: &EntryChange) -> String {
    let source = change.source.as_ref().map(|source| match source {
        WrittenSource::Oci { reference, .. } => format!("oci = {}", Value::from(reference.as_str())),
        WrittenSource::Range { repository, requirement } => {
            format!("oci = {}`, `version = {}", Value::from(repository.as_str()), Value::from(requirement.as_str()))
        }
        WrittenSource::Path(path) => format!("path = {}", Value::from(path.as_str())),
    });
    let grants = change.grants.iter().map(|(capability, scope)| format!("{capability} = {}", written(scope)));
    source.into_iter().chain(grants).collect::<Vec<_>>().join("`, `")
}

/// Refuses an edit that loses a comment.
pub(crate) fn keeps_comments(text: &str, edited: &str, change: &EntryChange) -> Result<(), ManifestEditError> {
    let mut left = comments(edited);
    for comment in comments(text) {
        match left.iter().position(|other| *other == comment) {
            Some(at) => drop(left.swap_remove(at)),
            None => return Err(ManifestEditError::Comment { comment: comment.to_owned(), line: keys(change) }),
        }
    }
    Ok(())
}

pub(crate) fn comments(text: &str) -> Vec<&str> {
    let tokens = toml_parser::Source::new(text).lex();
    let comments = tokens.filter(|token| token.kind() == TokenKind::Comment);
    comments.filter_map(|token| text.get(token.span().start()..token.span().end())).map(str::trim_end).collect()
}

/// Takes an extension out of `sesame.toml`: its lines go, every comment of its own line stays.
///
/// # Errors
/// [`ManifestEditError`] if it is not there.
pub fn remove_entry(text: &str, name: &ExtensionName) -> Result<String, ManifestEditError> {
    let form = || ManifestEditError::Removal(name.to_string());
    let document = Document::parse(text).map_err(|error| ManifestEditError::Syntax(error.message().to_owned()))?;
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
pub(crate) fn collect_spans(key: &Key, item: &Item, spans: &mut Vec<Range<usize>>) {
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
pub(crate) fn own_spans(table: &Table, spans: &mut Vec<Range<usize>>) {
    for (_, item) in table.iter() {
        match item {
            Item::Value(value) => spans.extend(value.span()),
            Item::Table(table) if table.is_dotted() => own_spans(table, spans),
            _ => {}
        }
    }
}

pub(crate) fn extensions(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    document.get_mut("extensions").and_then(Item::as_table_like_mut)
}
