//! Reads the table `[registries]` of `sesame.toml` and of `policy.toml`.

use std::path::Path;

use toml::Spanned;
use toml::de::DeValue;

use crate::model::toml::document::{SpannedValue, TableFields, TomlText, type_name};
use crate::model::toml::problem::Problem;

use super::{Mirror, Registries, RegistryPattern, RegistrySettings};

const KEYS: [&str; 6] = ["mirrors", "mirrors-only", "plain-http", "insecure", "ca", "token-host"];

/// Whose settings they are. Mirrors are a project's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegistriesOwner {
    Project,
    Machine,
}

/// Paths are relative to `folder`.
pub(crate) fn read_registries(
    text: &TomlText<'_>,
    fields: &TableFields<'_>,
    owner: RegistriesOwner,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Registries {
    let mut registries = Registries::default();
    for (key, value) in fields.entries() {
        let pattern = key.parse::<RegistryPattern>(problems);
        if let (Some(settings), Some(pattern)) = (read_settings(text, &key, value, (owner, folder), problems), pattern)
        {
            registries.0.insert(pattern, settings);
        }
    }
    registries
}

fn read_settings(
    text: &TomlText<'_>,
    key: &SpannedValue<'_, &str>,
    value: &Spanned<DeValue<'_>>,
    (owner, folder): (RegistriesOwner, &Path),
    problems: &mut Vec<Problem>,
) -> Option<RegistrySettings> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("`{}` must be a table, found {}", key.value, type_name(value.get_ref()));
        let example = if owner == RegistriesOwner::Project { "mirrors = [\"…\"]" } else { "ca = \"…\"" };
        problems.push(text.problem(value.span(), message).help(format!("write `{{ {example} }}`")));
        return None;
    };
    let unquoted =
        table.iter().find(|(inner, value)| value.get_ref().is_table() && !KEYS.contains(&&**inner.get_ref()));
    if let Some((inner, _)) = unquoted.filter(|_| !key.value.contains('.')) {
        let message = format!("`{}.{}` must stand in quotes", key.value, inner.get_ref());
        let help = format!("write `[registries.\"{}.{}\"]`", key.value, inner.get_ref());
        problems.push(text.problem(inner.span(), message).help(help));
        return None;
    }
    let mut fields = TableFields::new(text, table, value.span(), format!("the registry `{}`", key.value));
    let mut settings = RegistrySettings::default();
    if owner == RegistriesOwner::Project {
        read_mirrors(&mut fields, folder, table.get("mirrors").is_none(), &mut settings, problems);
    }
    settings.plain_http = fields.boolean("plain-http", problems).map(|plain| plain.value);
    settings.insecure = fields.boolean("insecure", problems).is_some_and(|insecure| insecure.value);
    if let Some(path) = fields.string("ca", problems) {
        settings.ca = Some(folder.join(path.value));
        if path.value == "~" || path.value.starts_with("~/") {
            let help = "write it relative to this file, or from `/` on";
            problems.push(path.problem("`~` is not your home folder here").help(help));
        }
    }
    settings.token_host = fields.string("token-host", problems).and_then(|host| host.parse(problems));
    let transports = [settings.plain_http == Some(true), settings.insecure, settings.ca.is_some()];
    if transports.into_iter().filter(|said| *said).count() > 1 {
        let message = "only one of `plain-http`, `insecure` and `ca` can be meant";
        problems.push(fields.problem(message).help("a CA checks certificates, `insecure` checks none, HTTP has none"));
    }
    fields.finish(problems);
    Some(settings)
}

fn read_mirrors(
    fields: &mut TableFields<'_>,
    folder: &Path,
    absent: bool,
    settings: &mut RegistrySettings,
    problems: &mut Vec<Problem>,
) {
    let mirrors = fields.strings("mirrors", problems);
    let no_mirrors = mirrors.as_ref().map_or(absent, Vec::is_empty);
    for mirror in mirrors.unwrap_or_default() {
        match Mirror::parse(mirror.value, folder) {
            Ok(mirror) => settings.mirrors.push(mirror),
            Err(error) => problems.push(mirror.problem(error.to_string())),
        }
    }
    if let Some(only) = fields.boolean("mirrors-only", problems).filter(|only| only.value) {
        settings.mirrors_only = true;
        if no_mirrors {
            let help = "add `mirrors = [\"oci-layout:./vendor\"]`, or remove `mirrors-only`";
            problems.push(only.problem("`mirrors-only` is set, but there are no mirrors").help(help));
        }
    }
}
