//! The desired state: `sesame.toml` and the drop-in manifests `extensions/*.toml`, one type behind both.
//!
//! Every problem of every file is reported at once. Paths are made relative to the folder of `sesame.toml`,
//! lexically; whether a file exists is for others to find out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::capability::{Capability, Grants};
use super::document::{Fields, Text, Value, type_name};
use super::name::{ExtensionName, ProfileName};
use super::problem::Problem;
use super::reference::OciReference;
use super::registries::{Mirror, Registries, RegistryPattern, RegistrySettings};

/// A manifest file as read from the disk.
#[derive(Debug, Clone)]
pub struct ManifestSource {
    /// What the file is called in messages.
    pub file: String,
    /// The folder that its relative paths start from.
    pub folder: PathBuf,
    pub bytes: Vec<u8>,
}

/// A drop-in manifest: the file, and its stem, which is the extension's name.
#[derive(Debug, Clone)]
pub struct DropIn {
    pub stem: String,
    pub source: ManifestSource,
}

/// What a person wants this machine to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Which live set the files describe, if they say so.
    pub profile: Option<ProfileName>,
    pub extensions: BTreeMap<ExtensionName, Extension>,
    /// Shared by all extensions that may read configuration.
    pub config: Config,
    pub registries: Registries,
}

/// One wanted extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub source: ComponentSource,
    pub capabilities: Grants,
    pub limits: Limits,
    /// The extension's own settings; they go before the shared ones.
    pub config: Config,
    /// `FILE:LINE:COLUMN` of its declaration.
    pub place: String,
}

/// Where an extension's component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComponentSource {
    Oci(OciReference),
    /// A file, relative to the folder of `sesame.toml` unless absolute, with `/` between its parts.
    Path(String),
}

/// What one call may use. Unset limits have the host's defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// All linear memories of an instance together, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub max_memory_mib: Option<u64>,
    /// Fuel of one call. Code of extensions without it is compiled without metering.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub max_fuel: Option<u64>,
    /// Time of one call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub timeout_ms: Option<u64>,
}

impl Limits {
    /// Whether every limit is the host's default.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// Settings by dotted key. A string is held bare, any other value as its TOML text.
pub type Config = BTreeMap<String, String>;

impl Manifest {
    /// Reads `sesame.toml` and the drop-ins beside it.
    ///
    /// # Errors
    /// Every problem of every file, in the order of the files.
    pub fn parse(main: &ManifestSource, drop_ins: &[DropIn]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut manifest = Self::default();
        if let Err(found) = manifest.read_main(main) {
            problems.extend(found);
        }
        for drop_in in drop_ins {
            if let Err(found) = manifest.read_drop_in(drop_in) {
                problems.extend(found);
            }
        }
        if problems.is_empty() { Ok(manifest) } else { Err(problems) }
    }

    fn read_main(&mut self, source: &ManifestSource) -> Result<(), Vec<Problem>> {
        let text = Text::new(&source.file, &source.bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = Fields::new(&text, table.get_ref(), 0..0, "a manifest");
        let profile = fields.string("profile", &mut problems);
        self.profile = profile.and_then(|profile| profile.parse(&mut problems));
        if let Some(config) = fields.table("config", &mut problems) {
            self.config = read_config(&text, &config, &mut problems);
        }
        if let Some(registries) = fields.table("registries", &mut problems) {
            self.registries = read_registries(&text, &registries, source, &mut problems);
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

    fn read_drop_in(&mut self, DropIn { stem, source }: &DropIn) -> Result<(), Vec<Problem>> {
        let text = Text::new(&source.file, &source.bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = Fields::new(&text, table.get_ref(), 0..0, "a drop-in manifest");
        match fields.table("extension", &mut problems) {
            Some(mut head) => {
                let name = head.string("name", &mut problems);
                let source = read_source(&mut head, "extensions", &mut problems);
                let extension = read_details(&text, &mut fields, &mut problems).zip(source);
                match name {
                    Some(name) if name.value != stem => {
                        let message = format!("the extension is named `{}` but its file `{stem}.toml`", name.value);
                        problems.push(name.problem(message).help("give both the same name"));
                    }
                    Some(name) => self.add(&text, &name, extension, &mut problems),
                    None if head.take("name").is_none() => {
                        problems
                            .push(head.problem("the extension has no name").help(format!("add `name = \"{stem}\"`")));
                    }
                    None => {}
                }
                head.finish(&mut problems);
            }
            None if fields.take("extension").is_none() => {
                let help = "a drop-in begins with `[extension]` and its `name` and `oci`";
                problems.push(fields.problem("the file has no table `[extension]`").help(help));
                read_details(&text, &mut fields, &mut problems);
            }
            None => {
                read_details(&text, &mut fields, &mut problems);
            }
        }
        fields.finish(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn add(
        &mut self,
        text: &Text<'_>,
        key: &Value<'_, &str>,
        extension: Option<(Details, ComponentSource)>,
        problems: &mut Vec<Problem>,
    ) {
        let Some(name) = key.parse::<ExtensionName>(problems) else { return };
        let at = text.problem(key.span.clone(), "");
        let place = format!("{}:{}:{}", at.file, at.line, at.column);
        if let Some(first) = self.extensions.get(&name) {
            let message = format!("`{name}` is defined twice, first at {}", first.place);
            problems.push(key.problem(message).help("remove one of the two, or give it another name"));
        } else if let Some((Details { capabilities, limits, config }, source)) = extension {
            self.extensions.insert(name, Extension { source, capabilities, limits, config, place });
        }
    }
}

struct Details {
    capabilities: Grants,
    limits: Limits,
    config: Config,
}

/// One value of `[extensions]`: a reference, or a table.
fn read_entry<'a>(
    text: &'a Text<'a>,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
    problems: &mut Vec<Problem>,
) -> Option<(Details, ComponentSource)> {
    match value.get_ref() {
        DeValue::String(reference) => {
            let reference = Value::new(text, value.span(), reference.as_ref()).parse::<OciReference>(problems)?;
            let details = Details { capabilities: Grants::new(), limits: Limits::default(), config: Config::new() };
            Some((details, ComponentSource::Oci(reference)))
        }
        DeValue::Table(table) => {
            let mut fields = Fields::new(text, table, value.span(), format!("the extension `{name}`"));
            let source = read_source(&mut fields, "", problems);
            let details = read_details(text, &mut fields, problems);
            fields.finish(problems);
            details.zip(source)
        }
        other => {
            let message = format!("`{name}` is a reference or a table, found {}", type_name(other));
            let help = "write `\"registry/principal/scope:revision\"` or `{ oci = \"…\" }`";
            problems.push(text.problem(value.span(), message).help(help));
            None
        }
    }
}

/// `oci` or `path`, and `version`, which must agree with the tag.
fn read_source(fields: &mut Fields<'_>, prefix: &str, problems: &mut Vec<Problem>) -> Option<ComponentSource> {
    let before = problems.len();
    let version = fields.string("version", problems);
    let oci = fields.string("oci", problems);
    let path = fields.string("path", problems);
    match (oci, path) {
        (Some(_), Some(path)) => {
            let help = "keep `oci` for a registry, `path` for a file";
            problems.push(path.problem("both `oci` and `path` say where the component comes from").help(help));
            None
        }
        (Some(oci), None) => {
            let reference = oci.parse::<OciReference>(problems)?;
            if let Some(version) = version.filter(|version| !same_version(version.value, reference.revision())) {
                let message =
                    format!("the version `{}` does not agree with the tag `{}`", version.value, reference.revision());
                problems.push(version.problem(message).help("make the two agree, or remove `version`"));
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
                problems.push(fields.problem("nothing says where the component comes from").help(help));
            }
            None
        }
    }
}

/// Capabilities, limits and config: the tables of a drop-in, the keys of the long form.
fn read_details<'a>(text: &'a Text<'a>, fields: &mut Fields<'a>, problems: &mut Vec<Problem>) -> Option<Details> {
    let before = problems.len();
    let mut capabilities = Grants::new();
    if let Some(mut granted) = fields.table("capabilities", problems) {
        for capability in Capability::ALL {
            if granted.boolean(capability.as_str(), problems).is_some_and(|granted| granted.value) {
                capabilities.insert(capability);
            }
        }
        granted.finish(problems);
    }
    let mut limits = Limits::default();
    if let Some(mut table) = fields.table("limits", problems) {
        limits.max_memory_mib = table.integer("max_memory_mib", 1..=4096, problems).map(|limit| limit.value);
        limits.max_fuel = table.integer("max_fuel", 1..=i64::MAX as u64, problems).map(|limit| limit.value);
        limits.timeout_ms = table.integer("timeout_ms", 1..=86_400_000, problems).map(|limit| limit.value);
        table.finish(problems);
    }
    let config = fields.table("config", problems).map(|table| read_config(text, &table, problems)).unwrap_or_default();
    (problems.len() == before).then_some(Details { capabilities, limits, config })
}

fn read_config<'a>(text: &Text<'_>, fields: &Fields<'a>, problems: &mut Vec<Problem>) -> Config {
    let mut config = Config::new();
    let mut pending: Vec<(String, std::ops::Range<usize>, &'a Spanned<DeValue<'a>>)> =
        fields.entries().map(|(key, value)| (key.value.to_owned(), key.span, value)).collect();
    while let Some((key, span, value)) = pending.pop() {
        if let DeValue::Table(table) = value.get_ref() {
            pending
                .extend(table.iter().map(|(inner, value)| (format!("{key}.{}", inner.get_ref()), inner.span(), value)));
        } else if config.insert(key.clone(), toml_text(value.get_ref())).is_some() {
            problems.push(text.problem(span, format!("`{key}` is set twice, once with its dots in quotes")));
        }
    }
    config
}

fn read_registries(
    text: &Text<'_>,
    fields: &Fields<'_>,
    source: &ManifestSource,
    problems: &mut Vec<Problem>,
) -> Registries {
    let mut registries = Registries::default();
    for (key, value) in fields.entries() {
        let pattern = key.parse::<RegistryPattern>(problems);
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("`{}` is a table, found {}", key.value, type_name(value.get_ref()));
            problems.push(text.problem(value.span(), message));
            continue;
        };
        let mut fields = Fields::new(text, table, value.span(), format!("the registry `{}`", key.value));
        let mut settings = RegistrySettings::default();
        for mirror in fields.strings("mirrors", problems).unwrap_or_default() {
            match Mirror::parse(mirror.value, &source.folder) {
                Ok(mirror) => settings.mirrors.push(mirror),
                Err(error) => problems.push(mirror.problem(error.to_string())),
            }
        }
        let mirrors_only = fields.boolean("mirrors-only", problems);
        settings.plain_http = fields.boolean("plain-http", problems).is_some_and(|plain| plain.value);
        if let Some(only) = mirrors_only.filter(|only| only.value) {
            settings.mirrors_only = true;
            if fields.take("mirrors").is_none() {
                let help = "add `mirrors = [\"oci-layout:./vendor\"]`, or remove `mirrors-only`";
                problems.push(only.problem("`mirrors-only` leaves nobody to ask: there are no mirrors").help(help));
            }
        }
        fields.finish(problems);
        if let Some(pattern) = pattern {
            registries.0.insert(pattern, settings);
        }
    }
    registries
}

fn same_version(version: &str, tag: &str) -> bool {
    version.strip_prefix('v').unwrap_or(version) == tag.strip_prefix('v').unwrap_or(tag)
}

/// `path` below `prefix`, with `.` and `..` resolved by their text; none where no file name is left.
fn normalize(prefix: &str, path: &str) -> Option<String> {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let prefix = if absolute { "" } else { prefix };
    for part in prefix.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let named = parts.last().is_some_and(|last| *last != "..") && !path.ends_with('/');
    named.then(|| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, Vec<Problem>> {
        let source = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: text.into() };
        Manifest::parse(&source, &[])
    }

    fn drop_in(stem: &str, text: &str) -> DropIn {
        let source = ManifestSource {
            file: format!("extensions/{stem}.toml"),
            folder: "/project/extensions".into(),
            bytes: text.into(),
        };
        DropIn { stem: stem.into(), source }
    }

    #[test]
    fn the_long_form_and_the_drop_in_give_the_same_extension() {
        let main = "[extensions.clock]\noci = \"ghcr.io/a/clock:v1.4\"\nversion = \"1.4\"\n\
                    capabilities = { config-read = true, notification = false }\n\
                    limits = { max_fuel = 1_000 }\nconfig = { a.b = \"x\", c = 0x10, d = [1, \"y\"] }\n";
        let other = "[extension]\nname = \"clock\"\nversion = \"1.4\"\noci = \"ghcr.io/a/clock:v1.4\"\n\
                     [capabilities]\nconfig-read = true\n[limits]\nmax_fuel = 1000\n\
                     [config]\na.b = \"x\"\nc = 16\nd = [1, \"y\"]\n";
        let name: ExtensionName = "clock".parse().unwrap();
        let long = parse(main).unwrap().extensions.remove(&name).unwrap();
        let empty = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: Vec::new() };
        let short = Manifest::parse(&empty, &[drop_in("clock", other)]).unwrap().extensions.remove(&name).unwrap();
        assert_eq!(Extension { place: short.place.clone(), ..long.clone() }, short);
        assert_eq!(long.capabilities, [Capability::ConfigRead].into());
        assert_eq!(long.config["a.b"], "x");
        assert_eq!(long.config["c"], "16");
        assert_eq!(long.config["d"], "[1, \"y\"]");
    }

    #[test]
    fn paths_are_relative_to_the_file_that_holds_them() {
        let drop_in = drop_in("b", "[extension]\nname = \"b\"\npath = \"../built/./b.wasm\"\n");
        let main = ManifestSource {
            file: "sesame.toml".into(),
            folder: "/project".into(),
            bytes: b"extensions.a = { path = \"./a.wasm\" }\nextensions.c = { path = \"/x/../c.wasm\" }".to_vec(),
        };
        let manifest = Manifest::parse(&main, &[drop_in]).unwrap();
        let paths: Vec<&ComponentSource> = manifest.extensions.values().map(|extension| &extension.source).collect();
        let path = |text: &str| ComponentSource::Path(text.into());
        assert_eq!(paths, [&path("a.wasm"), &path("built/b.wasm"), &path("/c.wasm")]);
    }

    #[test]
    fn every_problem_of_every_file_is_reported() {
        let main = ManifestSource {
            file: "sesame.toml".into(),
            folder: "/project".into(),
            bytes: b"profil = \"x\"\n[extensions]\nA = \"ghcr.io/o/e:1\"\nb = \"e:1\"\nc = \"ghcr.io/o/c:1\"\n"
                .to_vec(),
        };
        let drop_ins = [
            drop_in("c", "[extension]\nname = \"c\"\noci = \"ghcr.io/o/c:1\"\n"),
            drop_in("d", "[extension]\nname = \"e\"\n"),
        ];
        let problems = Manifest::parse(&main, &drop_ins).unwrap_err();
        let places: Vec<String> = problems.iter().map(|p| format!("{}:{}:{}", p.file, p.line, p.column)).collect();
        let expected = [
            "sesame.toml:3:1",
            "sesame.toml:4:5",
            "sesame.toml:1:1",
            "extensions/c.toml:2:8",
            "extensions/d.toml:1:1",
            "extensions/d.toml:2:8",
        ];
        assert_eq!(places, expected, "{problems:#?}");
    }
}
