//! The JSON Schemas, made from the types.

use clap::ValueEnum;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::cli::render::json::Document;
use sesame::model::host_settings::HostToml;
use sesame::model::toml::schema::{DropInToml, SesameLock, SesameToml};

/// The formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// sesame.toml
    #[value(name = "sesame.toml")]
    Manifest,
    /// extensions/NAME.toml
    #[value(name = "extension.toml")]
    DropIn,
    /// sesame.lock
    #[value(name = "sesame.lock")]
    Lock,
    /// host.toml
    #[value(name = "host.toml")]
    Host,
    /// What --json prints
    #[value(name = "output.json")]
    Output,
}

/// The schema of a format, as it is committed in `schema/`. Draft 7, which editors of TOML understand.
pub fn text(name: SchemaName) -> String {
    let files = SchemaSettings::draft07().for_deserialize();
    let schema = match name {
        SchemaName::Manifest => schema::<SesameToml>(files),
        SchemaName::DropIn => schema::<DropInToml>(files),
        SchemaName::Lock => schema::<SesameLock>(files),
        SchemaName::Host => schema::<HostToml>(files),
        SchemaName::Output => schema::<Document<'_>>(SchemaSettings::draft07().for_serialize()),
    };
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.into_generator().into_root_schema_for::<T>()
}
