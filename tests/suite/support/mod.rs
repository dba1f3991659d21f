//! What the stories are told with.

pub mod artifact;
pub mod ca;
pub mod greeting;
pub mod layout;
pub mod library_host;
pub mod power_loss_model;
pub mod real_registry;
pub mod registry;
pub mod registry_fixture;
pub mod sandbox;
pub mod scenario;
pub mod seeded_rng;
pub mod strace;

use std::path::PathBuf;

/// A folder or file of `fixtures/`.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// A guest that a real toolchain built, such as `greeting-0.1.0`.
pub fn guest(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("guests/built/{name}.wasm"))).unwrap()
}

/// Compares with a committed text. With `UPDATE_FIXTURES` set, writes it instead.
pub fn expect_text(path: &std::path::Path, found: &str) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; UPDATE_FIXTURES=1 writes it", path.display());
}

/// The text with every time of the day, and every duration, made the same.
pub fn timeless(text: &str) -> String {
    let date = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let duration = regex::Regex::new(r"(?m)(compiled +\S+ +)\d+(\.\d+)? (ms|s)$").unwrap();
    duration.replace_all(&date.replace_all(text, "2026-01-01T12:00:00Z"), "${1}9 ms").into_owned()
}
