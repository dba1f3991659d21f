//! Reads the table `capabilities` of an extension, noting every problem on the way.

use toml::de::DeValue;

use crate::model::capability::{self, Capability, Grants, Scope};
use crate::model::toml::document::{SpannedValue, TableFields, TomlText, type_name};
use crate::model::toml::problem::Problem;

use super::EntryForm;
use super::file_path::normalize;

/// Every grant of the table; what is `false` or an empty list grants nothing.
pub(crate) fn read_grants<'a>(
    text: &'a TomlText<'a>,
    form: EntryForm,
    mut table: TableFields<'a>,
    problems: &mut Vec<Problem>,
) -> Grants {
    let mut grants = Grants::new();
    for capability in Capability::ALL {
        let scope = read_scope(text, form, capability, &mut table, problems);
        grants.extend(scope.map(|scope| (capability, scope)));
    }
    table.finish(problems);
    grants
}

/// What is granted of one capability: `true`, `false`, or a list, as its form allows.
fn read_scope<'a>(
    text: &'a TomlText<'a>,
    form: EntryForm,
    capability: Capability,
    table: &mut TableFields<'a>,
    problems: &mut Vec<Problem>,
) -> Option<Scope> {
    let value = table.get(capability.as_str())?;
    let wanted = match (value.get_ref(), capability.form()) {
        (DeValue::Boolean(whole), capability::ScopeForm::Whole | capability::ScopeForm::WholeOrList) => {
            return whole.then_some(Scope::Whole);
        }
        (DeValue::Array(_), capability::ScopeForm::List | capability::ScopeForm::WholeOrList) => {
            let items = table.strings(capability.as_str(), problems)?;
            return Scope::only(items.iter().filter_map(|item| read_item(form, capability, item, problems)));
        }
        (_, capability::ScopeForm::Whole) => "true or false",
        (_, capability::ScopeForm::WholeOrList) => "true, false or an array of strings",
        (_, capability::ScopeForm::List) => "an array of strings",
    };
    let message = format!("`{capability}` must be {wanted}, found {}", type_name(value.get_ref()));
    problems.push(text.problem(value.span(), message));
    None
}

/// One item of a list of grants; a folder relative to the folder of `sesame.toml`.
fn read_item(
    form: EntryForm,
    capability: Capability,
    item: &SpannedValue<'_, &str>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    if let Some(why) = capability.invalid_item_reason(item.value) {
        problems.push(item.problem(why));
        return None;
    }
    Some(granted_item(form, capability, item.value))
}

/// What an item of a list means: a folder relative to the folder of `sesame.toml`, anything else as it is written.
pub(super) fn granted_item(form: EntryForm, capability: Capability, text: &str) -> String {
    match capability {
        Capability::FsRead | Capability::FsWrite => folder(form, text),
        _ => text.to_owned(),
    }
}

/// A folder as it is granted: absolute, from the home folder (`~`), or relative to the folder of `sesame.toml`.
fn folder(form: EntryForm, text: &str) -> String {
    let inside = |prefix: &str, path: &str| match normalize(prefix, &format!("{path}/x")) {
        Some(path) => path.strip_suffix('x').unwrap_or(&path).trim_end_matches('/').to_owned(),
        None => String::new(),
    };
    if text == "~" || text.starts_with("~/") {
        let rest = inside("", text.trim_start_matches('~').trim_start_matches('/'));
        return if rest.is_empty() { "~".to_owned() } else { format!("~/{rest}") };
    }
    let prefix = if form == EntryForm::DropIn { "extensions" } else { "" };
    match (inside(prefix, text), text.starts_with('/')) {
        (path, true) if path.is_empty() => "/".to_owned(),
        (path, false) if path.is_empty() => ".".to_owned(),
        (path, _) => path,
    }
}
