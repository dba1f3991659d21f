//! The JSON Schemas, made from the types.

use crate::cli::commands::SchemaName;
use crate::cli::render::json::Document;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use sesame::model::toml::schema::{DropInToml, SesameLock, SesameToml};

/// The schema of a format, as it is committed in `schema/`. Draft 7, which editors of TOML understand.
pub fn text(name: SchemaName) -> String {
    let files = SchemaSettings::draft07().for_deserialize();
    let schema = match name {
        SchemaName::Manifest => schema::<SesameToml>(files),
        SchemaName::DropIn => schema::<DropInToml>(files),
        SchemaName::Lock => schema::<SesameLock>(files),
        SchemaName::Output => schema::<Document<'_>>(SchemaSettings::draft07().for_serialize()),
    };
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.into_generator().into_root_schema_for::<T>()
}
