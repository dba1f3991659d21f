//! Removes grants from a manifest's text: the keys and list items that grant them, and nothing else.
//!
//! What was cut is verified: the rest of the file has to mean what it meant before, or the edit is refused.

use std::ops::Range;

use toml_edit::{Array, Document, Item, Key, TableLike, Value};

use crate::model::capability::{Capability, Grants, Scope};
use crate::model::manifest::EntryForm;
use crate::model::manifest::grants_reader::granted_item;
use crate::model::name::ExtensionName;

use super::{ManifestEditError, parse};

/// Removes grants from an extension that stands in `sesame.toml`: a whole capability, or items of its list. A capability
/// without items left is removed. A grant that is not in the text is ignored.
///
/// # Errors
/// [`ManifestEditError`] if the entry is written in a form that cannot be changed.
pub fn revoke_in_entry(text: &str, name: &ExtensionName, revoked: &Grants) -> Result<String, ManifestEditError> {
    revoke(text, name, &["extensions", name.as_str(), "capabilities"], (EntryForm::Table, revoked))
}

/// The same in a drop-in manifest.
///
/// # Errors
/// As [`revoke_in_entry`].
pub fn revoke_in_drop_in(text: &str, name: &ExtensionName, revoked: &Grants) -> Result<String, ManifestEditError> {
    revoke(text, name, &["capabilities"], (EntryForm::DropIn, revoked))
}

fn revoke(
    text: &str,
    name: &ExtensionName,
    path: &[&str],
    (form, revoked): (EntryForm, &Grants),
) -> Result<String, ManifestEditError> {
    parse(text)?;
    let mut edited = text.to_owned();
    for (capability, scope) in revoked {
        // One cut moves everything behind it.
        while let Some(span) = next_cut(&edited, path, form, (*capability, scope)) {
            edited.replace_range(span, "");
        }
    }
    if let Some(span) = empty_table(&edited, path) {
        edited.replace_range(span, "");
    }
    let is_right = parsed(text).map(|mut before| {
        take_from_value(&mut before, path, (form, revoked));
        // As texts: NaN does not equal itself.
        let rendered = |file| without_empty(file, path).to_string();
        parsed(&edited).is_some_and(|after| rendered(after) == rendered(before))
    });
    match is_right {
        Some(true) => Ok(edited),
        _ => Err(ManifestEditError::Revocation(name.to_string())),
    }
}

/// Where the next thing stands that grants some of this; none if nothing does, or the last cut was wrong.
fn next_cut(
    text: &str,
    path: &[&str],
    form: EntryForm,
    (capability, scope): (Capability, &Scope),
) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut table: Option<&dyn TableLike> = Some(document.as_table());
    for key in path {
        table = table.and_then(|table| table.get(key)?.as_table_like());
    }
    let table = table?;
    let (key, item) = table.get_key_value(capability.as_str())?;
    let list = item.as_array().map(|list| (list, matching(list, form, capability, scope)));
    match (scope, list) {
        (Scope::Only(_), None) => None,
        (Scope::Only(_), Some((list, matching))) if matching.len() < list.len() => {
            matching.first().map(|span| widened(text, span.clone()))
        }
        _ => pair(key, item).map(|span| widened(text, with_dotted_key(text, span, table.is_dotted()))),
    }
}

/// Where an inline table stands that grants nothing any more.
fn empty_table(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let (last, above) = path.split_last()?;
    let mut table: &dyn TableLike = document.as_table();
    for key in above {
        table = table.get(key)?.as_table_like()?;
    }
    let (key, item) = table.get_key_value(last)?;
    item.as_inline_table().filter(|granted| granted.is_empty())?;
    Some(widened(text, with_dotted_key(text, pair(key, item)?, table.is_dotted())))
}

/// The spans of the items of a list that are revoked.
fn matching(list: &Array, form: EntryForm, capability: Capability, scope: &Scope) -> Vec<Range<usize>> {
    let is_revoked = |value: &&Value| value.as_str().is_some_and(|item| has(scope, form, capability, item));
    list.iter().filter(is_revoked).filter_map(Value::span).collect()
}

fn has(scope: &Scope, form: EntryForm, capability: Capability, item: &str) -> bool {
    scope.contains_name(&granted_item(form, capability, item))
}

fn pair(key: &Key, item: &Item) -> Option<Range<usize>> {
    Some(key.span()?.start..item.span()?.end)
}

/// The span with what stands before the key in `capabilities.config-read = true`.
fn with_dotted_key(text: &str, span: Range<usize>, is_dotted: bool) -> Range<usize> {
    let before = &text[..span.start];
    let start = before.rfind(['\n', ',', '{']).map_or(0, |at| at + 1);
    let start = start + (before[start..].len() - before[start..].trim_start().len());
    if is_dotted { start..span.end } else { span }
}

/// The span with the comma that belongs to it; or the whole of its lines, if nothing else than a comment about it stands there.
fn widened(text: &str, span: Range<usize>) -> Range<usize> {
    let line = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let rest = &text[span.end..];
    let comma = rest.trim_start_matches([' ', '\t']).starts_with(',');
    let after = rest.trim_start_matches([' ', '\t']);
    let after = after.strip_prefix(',').unwrap_or(after).trim_start_matches([' ', '\t']);
    let is_alone =
        text[line..span.start].trim().is_empty() && (after.is_empty() || after.starts_with(['\n', '\r', '#']));
    if is_alone {
        let end = rest.find('\n').map_or(text.len(), |newline| span.end + newline + 1);
        return line..end;
    }
    if comma {
        return span.start..text.len() - after.len();
    }
    // The last of several takes the comma before it.
    let before = text[..span.start].trim_end_matches([' ', '\t']);
    match before.strip_suffix(',') {
        Some(before) => before.trim_end_matches([' ', '\t']).len()..span.end,
        None => span.start..text.len() - rest.trim_start_matches([' ', '\t']).len(),
    }
}

fn parsed(text: &str) -> Option<toml::Table> {
    text.parse().ok()
}

fn table_at<'a>(file: &'a mut toml::Table, path: &[&str]) -> Option<&'a mut toml::Table> {
    path.iter().try_fold(file, |table, key| table.get_mut(*key)?.as_table_mut())
}

/// The file without a table at this path that grants nothing: with its last dotted key, a table is gone.
fn without_empty(mut file: toml::Table, path: &[&str]) -> toml::Table {
    if let Some((last, above)) = path.split_last()
        && let Some(table) = table_at(&mut file, above)
        && table.get(*last).and_then(toml::Value::as_table).is_some_and(toml::Table::is_empty)
    {
        table.remove(*last);
    }
    file
}

/// Takes the same grants from the parsed file.
fn take_from_value(file: &mut toml::Table, path: &[&str], (form, revoked): (EntryForm, &Grants)) {
    let Some(table) = table_at(file, path) else { return };
    for (capability, scope) in revoked {
        let key = capability.as_str();
        match (table.get_mut(key), scope) {
            (Some(toml::Value::Array(items)), Scope::Only(_)) => {
                items.retain(|item| !item.as_str().is_some_and(|item| has(scope, form, *capability, item)));
                if items.is_empty() {
                    table.remove(key);
                }
            }
            (_, Scope::Only(_)) => {}
            (_, Scope::Whole) => drop(table.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::add;
    use crate::model::capability::grant::Revocation;
    use crate::model::manifest::edit::EntryChange;
    use crate::model::manifest::edit::entry::edit_entry;

    fn grants(texts: &[&str]) -> Grants {
        let mut grants = Grants::new();
        for text in texts {
            let Revocation(grant) = text.parse().unwrap();
            add(&mut grants, grant.capability, grant.scope);
        }
        grants
    }

    fn in_entry(text: &str, revoked: &[&str]) -> String {
        revoke_in_entry(text, &"clock".parse().unwrap(), &grants(revoked)).unwrap()
    }

    #[test]
    fn a_grant_goes_and_the_rest_stays_as_it_was_written() {
        let inline = "# top\n[extensions]\nclock = { oci = \"r.io/o/clock:1\", capabilities = { config-read = true, env = [\"A\", \"B\"], notification = true } } # mine\n";
        for (revoked, from, to) in [
            (&["config-read"][..], "{ config-read = true, env", "{ env"),
            (&["notification"], ", notification = true }", " }"),
            (&["env=A"], "[\"A\", \"B\"]", "[\"B\"]"),
            (&["env=B"], "[\"A\", \"B\"]", "[\"A\"]"),
            (&["env=A,B"], "env = [\"A\", \"B\"], ", ""),
            (
                &["config-read", "env=A,B", "notification"],
                ", capabilities = { config-read = true, env = [\"A\", \"B\"], notification = true }",
                "",
            ),
        ] {
            assert_eq!(in_entry(inline, revoked), inline.replace(from, to), "{revoked:?}");
        }
        let lines = "[extensions.clock]\r\noci = \"r.io/o/clock:1\"\r\n\r\n[extensions.clock.capabilities] # few\r\n\
                     # for the theme\r\nconfig-read = true  # all\r\nsecret-read = [\r\n  \"pin\", # mine\r\n  \"token\", # theirs\r\n]\r\n";
        let without = |part: &str| lines.replace(part, "");
        assert_eq!(in_entry(lines, &["config-read"]), without("config-read = true  # all\r\n"));
        assert_eq!(in_entry(lines, &["secret-read=pin"]), without("  \"pin\", # mine\r\n"));
        assert_eq!(in_entry(lines, &["secret-read=token"]), without("  \"token\", # theirs\r\n"));
        let list = "secret-read = [\r\n  \"pin\", # mine\r\n  \"token\", # theirs\r\n]\r\n";
        assert_eq!(in_entry(lines, &["secret-read"]), without(list));
        assert_eq!(in_entry(lines, &["notification"]), lines);
    }

    #[test]
    fn a_dotted_grant_goes_with_its_whole_key() {
        let table = "[extensions.clock]\noci = \"r.io/o/clock:1\"\ncapabilities.config-read = true # x\ncapabilities.env = [\"A\"]\n";
        assert_eq!(
            in_entry(table, &["config-read"]),
            "[extensions.clock]\noci = \"r.io/o/clock:1\"\ncapabilities.env = [\"A\"]\n"
        );
        let inline =
            "extensions.clock = { oci = \"r.io/o/clock:1\", capabilities.env = [\"A\"], limits.max_fuel = 1 }\n";
        assert_eq!(
            in_entry(inline, &["env"]),
            "extensions.clock = { oci = \"r.io/o/clock:1\", limits.max_fuel = 1 }\n"
        );
    }

    #[test]
    fn what_is_granted_and_revoked_over_and_over_leaves_no_space_behind() {
        let name = "clock".parse().unwrap();
        let text = "[extensions]\nclock = { oci = \"r.io/o/clock\", version = \"^1\" }\n";
        let mut edited = text.to_owned();
        for round in 0..3 {
            let added = EntryChange { source: None, grants: grants(&["config-read", "notification", "env=A"]) };
            edited = edit_entry(&edited, &name, &added).unwrap();
            let granted = "capabilities = { config-read = true, env = [\"A\"], notification = true } }";
            assert_eq!(edited, text.replace(" }", &format!(", {granted}")), "{round}");
            edited = in_entry(&edited, &["notification", "env"]);
            edited = edit_entry(&edited, &name, &EntryChange { source: None, grants: grants(&["env=B"]) }).unwrap();
            assert_eq!(
                edited,
                text.replace(" }", ", capabilities = { config-read = true, env = [\"B\"] } }"),
                "{round}"
            );
            edited = in_entry(&edited, &["config-read", "env=B"]);
            assert_eq!(edited, text, "{round}");
        }
    }

    #[test]
    fn a_folder_is_found_by_what_it_means() {
        let drop_in = "[extension]\nname = \"clock\"\npath = \"clock.wasm\"\n[capabilities]\nfs-read = [\"../notes/\", \"./x\", \"~/y\"]\n";
        let name = "clock".parse().unwrap();
        let edited = revoke_in_drop_in(drop_in, &name, &grants(&["fs-read=notes,~/y"])).unwrap();
        assert_eq!(edited, drop_in.replace("[\"../notes/\", \"./x\", \"~/y\"]", "[\"./x\"]"));
    }

    #[test]
    fn nan_elsewhere_does_not_block_a_revocation() {
        let text = "[extensions]\nclock = { oci = \"r.io/o/clock:1\", capabilities.env = [\"A\", \"B\"] }\n[config]\nx = nan\n";
        assert_eq!(in_entry(text, &["env=A"]), text.replace("\"A\", ", ""));
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        // Without the item, the comma would stand first.
        let text = "extensions.clock.capabilities = { env = [\"A\"\n# B\n, \"C\"] }\n";
        let edited = revoke_in_entry(text, &"clock".parse().unwrap(), &grants(&["env=A"]));
        assert_eq!(edited, Err(ManifestEditError::Revocation("clock".to_owned())));
    }
}
