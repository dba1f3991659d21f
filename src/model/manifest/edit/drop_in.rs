//! Edits of drop-in manifests, `extensions/NAME.toml`.

use toml_edit::{DocumentMut, Item, Table};

use crate::model::manifest::edit::{
    EntryChange, ManifestEditError, add_grants, grant, parse, set_source, written_like,
};
use crate::model::name::ExtensionName;

use super::Comments;
use super::entry::keeps_comments;

/// The text of a new drop-in manifest, with a comment at each grant.
pub fn new_drop_in(name: &ExtensionName, change: &EntryChange) -> String {
    let mut head = Table::new();
    head["name"] = Item::Value(name.as_str().into());
    set_source(&mut head, change);
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
/// [`ManifestEditError`] if it is no drop-in.
pub fn edit_drop_in(text: &str, change: &EntryChange) -> Result<String, ManifestEditError> {
    let mut document = parse(text)?;
    let root = document.as_table_mut();
    let head = root.get_mut("extension").and_then(Item::as_table_like_mut);
    let form = || ManifestEditError::Form { name: "extension".to_owned(), line: None };
    set_source(head.ok_or_else(form)?, change);
    grant(root, &change.grants, Comments::Yes)?;
    let edited = written_like(text, &document);
    keeps_comments(text, &edited, change)?;
    Ok(edited)
}
