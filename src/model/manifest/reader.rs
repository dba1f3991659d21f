//! Reads the tables of `sesame.toml` and of drop-ins into a [`Manifest`], noting every problem on the way.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::capability::Grants;
use crate::model::manifest::file_path::normalize;
use crate::model::name::ExtensionName;
use crate::model::reference::{OciReference, OciRepository};
use crate::model::registries::reader::{RegistriesOwner, read_registries};
use crate::model::text::nearest;
use crate::model::toml::document::{SpannedValue, TableFields, TomlText, type_name};
use crate::model::toml::problem::Problem;
use crate::model::version::Requirement;

use super::grants_reader::read_grants;
use super::{ComponentSource, Config, DropIn, EntryForm, Extension, Limits, Manifest, ManifestSource, OciRange};

impl Manifest {
    /// Reads `sesame.toml` and the drop-ins beside it.
    ///
    /// # Errors
    /// Every problem of every file, in the order of the files.
    pub fn parse(main: &ManifestSource, drop_ins: &[DropIn]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut reader = ManifestReader::default();
        let mut note = |read: Result<(), Vec<Problem>>| {
            let mut found = read.err().unwrap_or_default();
            found.sort_by_key(|problem| (problem.line, problem.column));
            problems.extend(found);
        };
        note(reader.read_main(main));
        for drop_in in drop_ins {
            note(reader.read_drop_in(drop_in));
        }
        if problems.is_empty() { Ok(reader.manifest) } else { Err(problems) }
    }
}

/// Reads file after file into one manifest.
#[derive(Default)]
pub(crate) struct ManifestReader {
    pub manifest: Manifest,
    /// Where each name was declared first, whether or not the rest of it was right.
    places: BTreeMap<ExtensionName, String>,
}

impl ManifestReader {
    pub(crate) fn read_main(&mut self, source: &ManifestSource) -> Result<(), Vec<Problem>> {
        let text = TomlText::new(&source.file, &source.bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = TableFields::new(&text, table.get_ref(), 0..0, "a manifest");
        let profile = fields.string("profile", &mut problems);
        self.manifest.profile = profile.and_then(|profile| profile.parse(&mut problems));
        if let Some(config) = fields.table("config", &mut problems) {
            self.manifest.config = read_config(&text, &config, &mut problems);
        }
        if let Some(registries) = fields.table("registries", &mut problems) {
            self.manifest.registries =
                read_registries(&text, &registries, RegistriesOwner::Project, &source.folder, &mut problems);
        }
        if let Some(extensions) = fields.table("extensions", &mut problems) {
            for (key, value) in extensions.entries() {
                let extension = read_entry(&text, key.value, value, &mut problems);
                self.add(&text, &key, extension, &mut problems);
            }
        }
        fields.finish(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub(crate) fn read_drop_in(&mut self, DropIn { stem, source }: &DropIn) -> Result<(), Vec<Problem>> {
        let text = TomlText::new(&source.file, &source.bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = TableFields::new(&text, table.get_ref(), 0..0, "a drop-in manifest");
        match fields.table("extension", &mut problems) {
            Some(mut head) => {
                let name = head.string("name", &mut problems);
                let source = read_source(&mut head, "extensions", &mut problems);
                let extension = read_details(&text, EntryForm::DropIn, &mut fields, &mut problems).zip(source);
                match name {
                    Some(name) if name.value != stem => {
                        let message = format!("the extension is named `{}`, but its file is `{stem}.toml`", name.value);
                        let help = format!("write `name = \"{stem}\"`, or rename the file to `{}.toml`", name.value);
                        problems.push(name.problem(message).help(help));
                    }
                    Some(name) => self.add(&text, &name, extension, &mut problems),
                    None if head.get("name").is_none() => {
                        problems
                            .push(head.problem("the extension has no name").help(format!("add `name = \"{stem}\"`")));
                    }
                    None => {}
                }
                head.finish(&mut problems);
            }
            None if fields.get("extension").is_none() => {
                let help = format!("add `[extension]`, `name = \"{stem}\"`, and `oci = \"…\"` or `path = \"…\"`");
                problems.push(fields.problem("the file has no table `[extension]`").help(help));
                fields.ignore(&["extensions", "name", "version", "oci", "path"]);
                read_details(&text, EntryForm::DropIn, &mut fields, &mut problems);
            }
            None => {
                read_details(&text, EntryForm::DropIn, &mut fields, &mut problems);
            }
        }
        fields.finish(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add(
        &mut self,
        text: &TomlText<'_>,
        key: &SpannedValue<'_, &str>,
        extension: Option<(EntryDetails, ComponentSource)>,
        problems: &mut Vec<Problem>,
    ) {
        let Some(name) = key.parse::<ExtensionName>(problems) else { return };
        let place = text.place(key.span.start);
        if let Some(first) = self.places.get(&name) {
            let message = format!("`{name}` is defined twice, first at {first}");
            problems.push(key.problem(message).help("remove one of the two, or rename one"));
            return;
        }
        self.places.insert(name.clone(), place.clone());
        if let Some((EntryDetails { form, capabilities, limits, config }, source)) = extension {
            self.manifest
                .extensions
                .insert(name, Extension { source, capabilities, limits, config, declared_at: place, form });
        }
    }
}

struct EntryDetails {
    form: EntryForm,
    capabilities: Grants,
    limits: Limits,
    config: Config,
}

/// One value of `[extensions]`: a reference, or a table.
fn read_entry<'a>(
    text: &'a TomlText<'a>,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
    problems: &mut Vec<Problem>,
) -> Option<(EntryDetails, ComponentSource)> {
    match value.get_ref() {
        DeValue::String(reference) => {
            let reference =
                SpannedValue::new(text, value.span(), reference.as_ref()).parse::<OciReference>(problems)?;
            let details = EntryDetails {
                form: EntryForm::Short,
                capabilities: Grants::new(),
                limits: Limits::default(),
                config: Config::new(),
            };
            Some((details, ComponentSource::Oci(reference)))
        }
        DeValue::Table(table) => {
            if let Some(dotted) = dotted_name(text, name, table) {
                problems.push(dotted);
                return None;
            }
            let mut fields = TableFields::new(text, table, value.span(), format!("the extension `{name}`"));
            let source = read_source(&mut fields, "", problems);
            let details = read_details(text, EntryForm::Table, &mut fields, problems);
            fields.finish(problems);
            details.zip(source)
        }
        other => {
            let message = format!("`{name}` must be a reference or a table, found {}", type_name(other));
            let help = "write `\"registry/principal/scope:revision\"`, `{ oci = \"…\" }` or `{ path = \"…\" }`";
            problems.push(text.problem(value.span(), message).help(help));
            None
        }
    }
}

/// What `my.clock = "…"` and `[extensions.my.clock]` are: a name with a dot, which TOML takes for a table in a table.
fn dotted_name(text: &TomlText<'_>, name: &str, table: &DeTable<'_>) -> Option<Problem> {
    const KEYS: [&str; 6] = ["oci", "path", "version", "capabilities", "limits", "config"];
    let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
    let inner = key.get_ref().as_ref();
    let whole = match value.get_ref() {
        DeValue::String(reference) => reference.contains('/'),
        DeValue::Table(_) => true,
        _ => false,
    };
    let problem = || text.problem(key.span(), "a name has no dots").help(format!("write `{name}-{inner}`"));
    (whole && !KEYS.contains(&inner) && nearest(inner, KEYS).is_none()).then(problem)
}

/// `oci` or `path`; and `version`, which must agree with the tag, or says which tags fit where there is none.
fn read_source(fields: &mut TableFields<'_>, prefix: &str, problems: &mut Vec<Problem>) -> Option<ComponentSource> {
    let before = problems.len();
    let oci = fields.string("oci", problems);
    let path = fields.string("path", problems);
    let version = fields.string("version", problems);
    match (oci, path) {
        (Some(_), Some(path)) => {
            let help = "remove one: `oci` is for a registry, `path` for a file";
            problems.push(path.problem("`oci` and `path` both say where the component comes from").help(help));
            None
        }
        (Some(oci), None) => {
            let untagged = oci.value.parse::<OciRepository>().ok();
            if let (Some(repository), Some(version)) = (untagged, &version) {
                let requirement = version.parse::<Requirement>(problems)?;
                return Some(ComponentSource::Range(OciRange { repository, requirement }));
            }
            let reference = oci.parse::<OciReference>(problems)?;
            if let Some(version) = version.filter(|version| !same_version(version.value, reference.revision())) {
                let message =
                    format!("the version `{}` does not agree with the tag `{}`", version.value, reference.revision());
                let tag = reference.revision();
                let help = format!("write `version = \"{}\"`, or remove it", tag.strip_prefix('v').unwrap_or(tag));
                problems.push(version.problem(message).help(help));
            }
            Some(ComponentSource::Oci(reference))
        }
        (None, Some(path)) => match normalize(prefix, path.value) {
            Some(normal) => Some(ComponentSource::Path(normal)),
            None => {
                problems.push(
                    path.problem("`path` names no file").help("name the .wasm file, as in `path = \"clock.wasm\"`"),
                );
                None
            }
        },
        (None, None) => {
            if problems.len() == before {
                let help = "add `oci = \"registry/principal/scope:revision\"` or `path = \"file.wasm\"`";
                problems
                    .push(fields.problem("neither `oci` nor `path` says where the component comes from").help(help));
            }
            None
        }
    }
}

/// Capabilities, limits and config: the tables of a drop-in, the keys of the long form.
fn read_details<'a>(
    text: &'a TomlText<'a>,
    form: EntryForm,
    fields: &mut TableFields<'a>,
    problems: &mut Vec<Problem>,
) -> Option<EntryDetails> {
    let before = problems.len();
    let mut capabilities = Grants::new();
    if let Some(table) = fields.table("capabilities", problems) {
        capabilities = read_grants(text, form, table, problems);
    }
    let limits = read_limits(fields, problems);
    let config = fields.table("config", problems).map(|table| read_config(text, &table, problems)).unwrap_or_default();
    (problems.len() == before).then_some(EntryDetails { form, capabilities, limits, config })
}

/// The table `limits`, of an extension or of a policy.
pub(crate) fn read_limits(fields: &mut TableFields<'_>, problems: &mut Vec<Problem>) -> Limits {
    let mut limits = Limits::default();
    if let Some(mut table) = fields.table("limits", problems) {
        limits.max_memory_mib = table.integer("max_memory_mib", 1..=4096, problems).map(|limit| limit.value);
        limits.max_fuel = table.integer("max_fuel", 1..=i64::MAX as u64, problems).map(|limit| limit.value);
        limits.timeout_ms = table.integer("timeout_ms", 1..=86_400_000, problems).map(|limit| limit.value);
        table.finish(problems);
    }
    limits
}

fn read_config<'a>(text: &TomlText<'_>, fields: &TableFields<'a>, problems: &mut Vec<Problem>) -> Config {
    let mut settings: Vec<(String, usize, &'a Spanned<DeValue<'a>>)> = Vec::new();
    let mut pending: Vec<_> = fields.entries().map(|(key, value)| (key.value.to_owned(), key.span, value)).collect();
    while let Some((key, span, value)) = pending.pop() {
        if let DeValue::Table(table) = value.get_ref() {
            pending
                .extend(table.iter().map(|(inner, value)| (format!("{key}.{}", inner.get_ref()), inner.span(), value)));
        } else {
            settings.push((key, span.start, value));
        }
    }
    settings.sort_by_key(|(_, start, _)| *start);
    let mut config = Config::new();
    for (key, start, value) in settings {
        let message = format!("`{key}` is set twice");
        if config.insert(key, toml_text(value.get_ref())).is_some() {
            let help = "remove one of the two; `\"a.b\"` in quotes and `a.b` are the same key";
            problems.push(text.problem(start..start + 1, message).help(help));
        }
    }
    config
}

fn same_version(version: &str, tag: &str) -> bool {
    version.strip_prefix('v').unwrap_or(version) == tag.strip_prefix('v').unwrap_or(tag)
}

/// A value as TOML text; a string bare.
fn toml_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| integer.to_string(), |i| i.to_string()),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inner_text(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", quoted(key.get_ref()), inner_text(value.get_ref())))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// A value within another one: a string in quotes.
fn inner_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        other => toml_text(other),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
