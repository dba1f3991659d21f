//! Changes to manifests in place, text in and text out: what a person wrote around the change stays as it is.
//!
//! Where an edit cannot be made without losing something, it is refused.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::capability::{Capability, Grants, Scope};
use super::name::ExtensionName;

/// Where a component comes from, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenSource {
    Oci(String),
    Path(String),
}

/// What an entry is changed to. Limits and config stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub source: WrittenSource,
    /// Grants that are added to those that are there.
    pub grants: Grants,
}

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is not TOML: {0}")]
    Syntax(String),
    #[error("`{0}` is written in a way that cannot be edited")]
    Form(String),
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
    set_source(head.ok_or_else(|| EditError::Form("extension".to_owned()))?, &change.source);
    grant(root, &change.grants, Comments::Yes)?;
    Ok(document.to_string())
}

/// Changes an extension that stands in `sesame.toml`.
///
/// # Errors
/// [`EditError`] if it does not, or not in a form that can be changed.
pub fn edit_entry(text: &str, name: &ExtensionName, change: &Change) -> Result<String, EditError> {
    let form = || EditError::Form(name.to_string());
    let mut document = parse(text)?;
    let entry = extensions(&mut document).and_then(|table| table.get_mut(name.as_str())).ok_or_else(form)?;
    if let Some(short) = entry.as_value_mut().filter(|value| value.is_str()) {
        let decor = short.decor().clone();
        let mut value = match (&change.source, change.grants.is_empty()) {
            (WrittenSource::Oci(reference), true) => Value::from(reference.as_str()),
            _ => {
                let mut table = InlineTable::new();
                set_source(&mut table, &change.source);
                grant(&mut table, &change.grants, Comments::No)?;
                Value::InlineTable(table)
            }
        };
        *value.decor_mut() = decor;
        *short = value;
    } else {
        let table = entry.as_table_like_mut().ok_or_else(form)?;
        set_source(table, &change.source);
        grant(table, &change.grants, Comments::No)?;
    }
    Ok(document.to_string())
}

/// Takes an extension out of `sesame.toml`; comments that do not belong to it stay.
///
/// # Errors
/// [`EditError`] if it is not there.
pub fn remove_entry(text: &str, name: &ExtensionName) -> Result<String, EditError> {
    let mut document = parse(text)?;
    let removed = extensions(&mut document).and_then(|table| table.remove(name.as_str()));
    removed.map(|_| document.to_string()).ok_or_else(|| EditError::Form(name.to_string()))
}

fn parse(text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|error: toml_edit::TomlError| EditError::Syntax(error.message().to_owned()))
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

/// Writes the source; a `version` that spoke of another revision goes with it.
fn set_source(table: &mut dyn TableLike, source: &WrittenSource) {
    let (key, other, text) = match source {
        WrittenSource::Oci(reference) => ("oci", "path", reference),
        WrittenSource::Path(path) => ("path", "oci", path),
    };
    table.remove(other);
    table.remove("version");
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
    add_grants(capabilities.ok_or_else(|| EditError::Form("capabilities".to_owned()))?, grants, comments);
    Ok(())
}

fn add_grants(table: &mut dyn TableLike, grants: &Grants, comments: Comments) {
    for (capability, scope) in grants {
        set(table, capability.as_str(), written(scope));
        let value = table.get_mut(capability.as_str()).and_then(Item::as_value_mut);
        if let Some(value) = value.filter(|_| comments == Comments::Yes) {
            value.decor_mut().set_suffix(format!("  # {}", allows(*capability, scope)));
        }
    }
}

fn allows(capability: Capability, scope: &Scope) -> String {
    match (capability, scope) {
        (Capability::SecretRead, Scope::Only(_)) => "reads these secrets of yours".to_owned(),
        (Capability::ConfigRead, Scope::Only(_)) => "reads the settings under these keys".to_owned(),
        _ => capability.allows().to_owned(),
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
        Change { source: WrittenSource::Oci(reference.to_owned()), grants: grants.iter().map(grant).collect() }
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
            "# top\n[extensions]\nclock = { oci = \"r.io/o/clock:2\", limits.max_fuel = 5 , capabilities = { notification = true } } # mine\nb = \"r.io/o/b:1\"\n"
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
    fn a_removed_entry_takes_only_its_own_lines() {
        let text = "# top\n\n[extensions]\n# about a\na = \"r.io/o/a:1\"\nclock = \"r.io/o/clock:1\"  # mine\n# about b\nb = \"r.io/o/b:1\"\n";
        assert_eq!(remove_entry(text, &name()).unwrap(), text.replace("clock = \"r.io/o/clock:1\"  # mine\n", ""));
        let table =
            "[extensions.a]\noci = \"r.io/o/a:1\"\n\n[extensions.clock]\noci = \"r.io/o/clock:1\"\n\n[config]\nx = 1\n";
        assert_eq!(remove_entry(table, &name()).unwrap(), "[extensions.a]\noci = \"r.io/o/a:1\"\n\n[config]\nx = 1\n");
        assert_eq!(remove_entry("x = 1\n", &name()), Err(EditError::Form("clock".to_owned())));
    }
}
