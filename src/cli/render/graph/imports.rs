//! How an import is served, in a few words, for every format.

use sesame::model::report::query::graph::{GraphImport, ImportAccess};
use sesame::model::text::escape;

/// Whether an import is of the WASI that the host has.
pub fn is_wasi(import: &GraphImport) -> bool {
    import.access == ImportAccess::Free && import.interface.starts_with("wasi:")
}

/// How an import is served; empty where it needs nothing.
pub fn import_words(import: &GraphImport) -> String {
    match import.access {
        ImportAccess::Free => String::new(),
        ImportAccess::Granted if import.items.is_empty() => "granted".to_owned(),
        ImportAccess::Granted => format!("granted for {}", escape(&import.items.join(", "))),
        ImportAccess::NotGranted => "not granted".to_owned(),
        ImportAccess::NotOffered => "not offered by the host".to_owned(),
    }
}
