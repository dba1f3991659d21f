//! Where things stand in a manifest's text, for people who ask why.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::capability::Capability;
use crate::model::name::ExtensionName;
use crate::model::toml::document::TomlText;

use super::EntryForm;

/// `FILE:LINE:COLUMN` of what grants a capability to an extension; none if nothing does, or the text cannot be read.
pub(crate) fn grant_place(
    file: &str,
    bytes: &[u8],
    form: EntryForm,
    name: &ExtensionName,
    capability: Capability,
) -> Option<String> {
    let text = TomlText::new(file, bytes).ok()?;
    let document = text.parse().ok()?;
    let root = document.get_ref();
    let entry = match form {
        EntryForm::DropIn => root,
        EntryForm::Short | EntryForm::Table => below(below(root, "extensions")?, name.as_str())?,
    };
    let granted = below(entry, "capabilities")?;
    let key = granted.keys().find(|key| key.get_ref() == capability.as_str())?;
    Some(text.place(key.span().start))
}

fn below<'a, 'de>(table: &'a DeTable<'de>, key: &str) -> Option<&'a DeTable<'de>> {
    let value: &Spanned<DeValue<'de>> = table.get(key)?;
    value.get_ref().as_table()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_found_in_whatever_form_it_is_written() {
        let name: ExtensionName = "clock".parse().unwrap();
        let find = |text: &str, form| grant_place("f", text.as_bytes(), form, &name, Capability::ConfigRead);
        for (text, form, place) in [
            (
                "[extensions]\nclock = { oci = \"x\", capabilities = { env = [], config-read = true } }\n",
                EntryForm::Table,
                "f:2:49",
            ),
            ("[extensions.clock]\noci = \"x\"\ncapabilities.config-read = true\n", EntryForm::Table, "f:3:14"),
            ("[extension]\n\n[capabilities]\nconfig-read = true\n", EntryForm::DropIn, "f:4:1"),
        ] {
            assert_eq!(find(text, form).as_deref(), Some(place), "{text}");
        }
        assert_eq!(find("[extensions]\nclock = \"x\"\n", EntryForm::Short), None);
        assert_eq!(find("[extensions", EntryForm::Table), None);
    }
}
