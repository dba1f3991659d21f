//! Changes to manifests in place, text in and text out: what a person wrote around the change stays as it is.
//!
//! Where an edit cannot be made without losing something, it is refused.

pub mod drop_in;
pub mod entry;
pub mod profile;
pub mod revoke;

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::model::capability::{Grants, Scope};

/// Where a component comes from, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenSource {
    Oci {
        reference: String,
        /// Its tag, for a `version` that stands beside it.
        revision: String,
    },
    /// The versions of a repository that fit.
    Range {
        repository: String,
        requirement: String,
    },
    Path(String),
}

/// What an entry is changed to. Limits and config stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryChange {
    /// Where it comes from; none if that stays.
    pub source: Option<WrittenSource>,
    /// Grants that are added to those that are there: whole capabilities, and further items of lists. Items take the place of
    /// a whole capability.
    pub grants: Grants,
}

impl EntryChange {
    /// Whether it changes nothing.
    pub fn is_nothing(&self) -> bool {
        self.source.is_none() && self.grants.is_empty()
    }
}

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestEditError {
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
    #[error("the grants of `{0}` are written in a form that cannot be edited")]
    Revocation(String),
    #[error("the comment `{comment}` would be lost")]
    Comment { comment: String, line: String },
    #[error("its extensions are written in a way that none can be added to")]
    NoPlace {
        /// What to write.
        line: String,
    },
}

fn parse(text: &str) -> Result<DocumentMut, ManifestEditError> {
    text.parse().map_err(|error: toml_edit::TomlError| ManifestEditError::Syntax(error.message().to_owned()))
}

/// The text of a document, with the line ends of the text that it was made from.
fn written_like(text: &str, document: &DocumentMut) -> String {
    let new = document.to_string();
    if text.contains("\r\n") { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new }
}

/// Writes the source, if it changes; a `version` follows the tag.
fn set_source(table: &mut dyn TableLike, change: &EntryChange) {
    let Some(source) = &change.source else { return };
    let (key, other, text) = match source {
        WrittenSource::Oci { reference, .. } => ("oci", "path", reference),
        WrittenSource::Range { repository, .. } => ("oci", "path", repository),
        WrittenSource::Path(path) => ("path", "oci", path),
    };
    table.remove(other);
    if let (WrittenSource::Oci { revision, .. }, true) = (source, table.contains_key("version")) {
        set(table, "version", revision.strip_prefix('v').unwrap_or(revision).into());
    }
    set(table, key, text.as_str().into());
    if let WrittenSource::Range { requirement, .. } = source {
        set(table, "version", requirement.as_str().into());
    }
}

/// Sets a value, and keeps the space and the comment that stand around the old one.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => insert(table, key, Item::Value(value)),
    }
}

/// Adds a key behind the last one. The space before the `}` of an inline table, which is of its last value, stays there.
fn insert(table: &mut dyn TableLike, key: &str, item: Item) {
    let last = table.iter_mut().last().and_then(|(_, item)| last_value(item)).map(Value::decor_mut);
    let is_space = |decor: &&mut Decor| {
        decor
            .suffix()
            .and_then(|raw| raw.as_str())
            .is_some_and(|text| !text.is_empty() && text.trim_matches(' ').is_empty())
    };
    let space = last.filter(is_space).map(|decor| decor.set_suffix(""));
    table.insert(key, item);
    // Of a dotted key, it is that of its own last value.
    if let (Some(()), Some(value)) = (space, table.get_mut(key).and_then(Item::as_value_mut)) {
        value.decor_mut().set_suffix(" ");
    }
}

/// The last value of an item: of a dotted key, the innermost.
fn last_value(item: &mut Item) -> Option<&mut Value> {
    if !item.as_inline_table().is_some_and(InlineTable::is_dotted) {
        return item.as_value_mut();
    }
    item.as_inline_table_mut()?.iter_mut().last().map(|(_, value)| value)
}

/// Adds grants to the `capabilities` of an extension, which are made where there are none.
fn grant(table: &mut dyn TableLike, grants: &Grants, comments: Comments) -> Result<(), ManifestEditError> {
    if grants.is_empty() {
        return Ok(());
    }
    if table.get("capabilities").is_none() {
        let new = match comments {
            Comments::Yes => Item::Table(Table::new()),
            Comments::No => Item::Value(Value::InlineTable(InlineTable::new())),
        };
        insert(table, "capabilities", new);
    }
    let capabilities = table.get_mut("capabilities");
    let comments = match &capabilities {
        Some(Item::Table(table)) if !table.is_dotted() => comments,
        _ => Comments::No,
    };
    let capabilities = capabilities.and_then(Item::as_table_like_mut);
    add_grants(
        capabilities.ok_or_else(|| ManifestEditError::Form { name: "capabilities".to_owned(), line: None })?,
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
        set(table, key, written(scope));
        let value = table.get_mut(key).and_then(Item::as_value_mut);
        if let Some(value) = value.filter(|_| is_new && comments == Comments::Yes) {
            value.decor_mut().set_suffix(format!("  # {}", capability.describe(scope)));
        }
    }
}

fn written(scope: &Scope) -> Value {
    match scope {
        Scope::Whole => Value::from(true),
        Scope::Only(items) => Value::Array(items.iter().map(String::as_str).collect::<Array>()),
    }
}

/// Whether a grant gets a comment that says what it allows; an inline table has no room for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::grant::Grant;
    use crate::model::name::ExtensionName;

    use super::drop_in::{edit_drop_in, new_drop_in};
    use super::entry::{edit_entry, remove_entry};

    fn name() -> ExtensionName {
        "clock".parse().unwrap()
    }

    fn change(reference: &str, grants: &[&str]) -> EntryChange {
        let grant = |text: &&str| {
            let Grant { capability, scope } = text.parse().unwrap();
            (capability, scope)
        };
        let revision = reference.rsplit(':').next().unwrap().to_owned();
        EntryChange {
            source: Some(WrittenSource::Oci { reference: reference.to_owned(), revision }),
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
            "# top\n[extensions]\nclock = { oci = \"r.io/o/clock:2\", version = \"2\", limits.max_fuel = 5, capabilities = { notification = true } } # mine\nb = \"r.io/o/b:1\"\n"
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
    fn a_source_that_stays_is_not_written() {
        let change = EntryChange { source: None, ..change("r.io/o/clock:2", &["secret-read=pin"]) };
        for (text, expected) in [
            (
                "[extensions]\nclock = \"r.io/o/clock:1\" # mine\n",
                "[extensions]\nclock = { oci = \"r.io/o/clock:1\", capabilities = { secret-read = [\"pin\"] } } # mine\n",
            ),
            (
                "[extensions.clock]\noci = \"r.io/o/clock\"\nversion = \"^1\"\ncapabilities.secret-read = true # all\n",
                "[extensions.clock]\noci = \"r.io/o/clock\"\nversion = \"^1\"\ncapabilities.secret-read = [\"pin\"] # all\n",
            ),
        ] {
            assert_eq!(edit_entry(text, &name(), &change).unwrap(), expected);
        }
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
            assert_eq!(remove_entry(text, &name()), Err(ManifestEditError::Removal("clock".to_owned())));
        }
    }
}
