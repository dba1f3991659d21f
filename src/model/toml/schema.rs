//! The file formats as types, for their JSON Schemas only. [`manifest`](crate::model::manifest) and
//! [`lock`](crate::model::lock) read the files; tests hold the two against each other on every fixture.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::model::capability::{Capability, ScopeForm};
use crate::model::manifest::Limits;

/// `sesame.toml`: the extensions that a machine should have.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SesameToml {
    /// Which live set this file describes; `default` unless said.
    #[schemars(regex(pattern = NAME))]
    pub profile: Option<String>,
    /// Extensions by name.
    #[schemars(extend("propertyNames" = { "pattern": NAME }))]
    pub extensions: Option<BTreeMap<String, ExtensionEntry>>,
    /// Settings shared by all extensions that are granted config-read.
    pub config: Option<BTreeMap<String, serde_json::Value>>,
    /// How a registry (`host`) or a part of it (`host/prefix`) is reached; the longest key wins.
    pub registries: Option<BTreeMap<String, RegistryTable>>,
}

/// A reference, or a table with the details.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum ExtensionEntry {
    /// `registry/principal/scope:revision[@provenance]`
    Reference(#[schemars(regex(pattern = REFERENCE))] String),
    Oci(OciEntry),
    Path(PathEntry),
}

/// An extension from a registry.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OciEntry {
    /// `registry/principal/scope:revision[@provenance]`; with `version` also without a revision.
    #[schemars(regex(pattern = REPOSITORY))]
    pub oci: String,
    /// Must agree with the tag, a leading v aside. Where there is no tag: which versions fit, as cargo writes it, `^1.2`.
    pub version: Option<String>,
    pub capabilities: Option<Capabilities>,
    pub limits: Option<Limits>,
    /// The extension's own settings.
    pub config: Option<BTreeMap<String, serde_json::Value>>,
}

/// An extension from a file.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathEntry {
    /// A component file, relative to the file that holds this.
    #[schemars(regex(pattern = "[^/]$"))]
    pub path: String,
    pub version: Option<String>,
    pub capabilities: Option<Capabilities>,
    pub limits: Option<Limits>,
    /// The extension's own settings.
    pub config: Option<BTreeMap<String, serde_json::Value>>,
}

/// What is granted. Everything else is denied.
pub struct Capabilities;

impl JsonSchema for Capabilities {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Capabilities".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let properties: serde_json::Map<String, serde_json::Value> =
            Capability::ALL.iter().map(|capability| (capability.to_string(), granted(*capability))).collect();
        schemars::json_schema!({
            "description": "What is granted. Everything else is denied.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

fn granted(capability: Capability) -> serde_json::Value {
    let list = serde_json::json!({ "type": "array", "items": { "type": "string", "minLength": 1 } });
    match capability.form() {
        ScopeForm::Whole => serde_json::json!({ "type": "boolean" }),
        ScopeForm::List => list,
        ScopeForm::WholeOrList => serde_json::json!({ "anyOf": [{ "type": "boolean" }, list] }),
    }
}

/// How a registry is reached.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Registry")]
pub struct RegistryTable {
    /// `oci-layout:FOLDER` or `https://host[/prefix]`, asked in order before the registry itself.
    #[schemars(inner(regex(pattern = "^(oci-layout:.|https?://.)")))]
    pub mirrors: Option<Vec<String>>,
    /// Never ask the registry itself; mirrors answer for tags too.
    pub mirrors_only: Option<bool>,
    /// The registry speaks HTTP without TLS. Without credentials, unless it is on this machine.
    pub plain_http: Option<bool>,
    /// Do not check the registry's certificate. Without credentials, unless it is on this machine.
    pub insecure: Option<bool>,
    /// A PEM file of certificates to trust besides the system's, relative to this file. Without credentials, unless the
    /// registry is on this machine.
    #[schemars(regex(pattern = "."))]
    pub ca: Option<String>,
    /// The host that may have the registry's credentials to give tokens, where it is another.
    #[schemars(regex(pattern = r"^[a-z0-9.:\[\]-]+$"))]
    pub token_host: Option<String>,
}

/// `extensions/NAME.toml`: one extension in a file of its own.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropInToml {
    pub extension: DropInHead,
    pub capabilities: Option<Capabilities>,
    pub limits: Option<Limits>,
    /// The extension's own settings.
    pub config: Option<BTreeMap<String, serde_json::Value>>,
}

/// Which extension it is.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum DropInHead {
    Oci(DropInOci),
    Path(DropInPath),
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropInOci {
    /// The file's stem.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Must agree with the tag, a leading v aside. Where there is no tag: which versions fit, as cargo writes it, `^1.2`.
    pub version: Option<String>,
    /// `registry/principal/scope:revision[@provenance]`; with `version` also without a revision.
    #[schemars(regex(pattern = REPOSITORY))]
    pub oci: String,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropInPath {
    /// The file's stem.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    pub version: Option<String>,
    /// A component file, relative to this file.
    #[schemars(regex(pattern = "[^/]$"))]
    pub path: String,
}

/// `sesame.lock`: what the extensions were resolved to. Written by sesame only.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SesameLock {
    #[schemars(range(min = 1, max = 1))]
    pub version: u64,
    /// Sorted by name.
    pub extension: Option<Vec<LockedExtension>>,
}

/// A locked extension.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum LockedExtension {
    Oci(LockedOci),
    Path(LockedPath),
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedOci {
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Without a pin.
    #[schemars(regex(pattern = TAGGED))]
    pub reference: String,
    /// The digest of what the tag named.
    #[schemars(regex(pattern = DIGEST))]
    pub provenance: String,
    /// The manifest's digest, where an index stands above it.
    #[schemars(regex(pattern = DIGEST))]
    pub manifest: Option<String>,
    /// The digest of the component's bytes.
    #[schemars(regex(pattern = DIGEST))]
    pub component: String,
    /// In bytes.
    #[schemars(range(min = 8, max = 536_870_912))]
    pub size: u64,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedPath {
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Relative to the lock's folder.
    pub path: String,
    /// The digest of the component's bytes.
    #[schemars(regex(pattern = DIGEST))]
    pub component: String,
    /// In bytes.
    #[schemars(range(min = 8, max = 536_870_912))]
    pub size: u64,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

const NAME: &str = "^[a-z0-9][a-z0-9-]{0,63}$";
const DIGEST: &str = "^sha256:[0-9a-f]{64}$";
const TAGGED: &str = r"^[a-z0-9.:\[\]-]+(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*){2,}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$";
const REFERENCE: &str = r"^[a-z0-9.:\[\]-]+(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*){2,}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?$";

/// The same, and without a revision.
const REPOSITORY: &str = r"^[a-z0-9.:\[\]-]+(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*){2,}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?)?$";
