//! The engine key: everything that compiled code depends on, through a strong hash.
//!
//! wasmtime says what that is with its own compatibility hash (its version, target, CPU features, compiler settings,
//! wasm features); the settings are fed to BLAKE3, as wasmtime's `Hash` gives them only to 64 bits.

use std::hash::{Hash, Hasher};

use wasmtime::Engine;

use crate::model::engine_key::{EngineKey, EngineKeys, Metering};

use super::config::{EngineError, engine};

/// The version of what stands in a cwasm file, our tag included.
const FORMAT: &[u8] = b"sesame cwasm 1";

/// The key of an engine.
pub fn engine_key(engine: &Engine) -> EngineKey {
    let mut hasher = StrongHasher(blake3::Hasher::new());
    hasher.0.update(FORMAT);
    hasher.0.update(wasmtime_version().as_bytes());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut bytes = [0; 16];
    hasher.0.finalize_xof().fill(&mut bytes);
    EngineKey::new(bytes)
}

/// The keys of the engines that are needed.
///
/// # Errors
/// [`EngineError`] if wasmtime does not support this machine.
pub fn engine_keys(is_needed: impl Fn(Metering) -> bool) -> Result<EngineKeys, EngineError> {
    let key = |metering| is_needed(metering).then(|| engine(metering).map(|engine| engine_key(&engine))).transpose();
    Ok(EngineKeys { unmetered: key(Metering::Unmetered)?, metered: key(Metering::Metered)? })
}

/// The version of wasmtime that this was built with, for people: `48.0.8`.
pub fn wasmtime_version() -> &'static str {
    WASMTIME
}

/// Must be what `Cargo.toml` pins; a test compares the two.
const WASMTIME: &str = "48.0.8";

struct StrongHasher(blake3::Hasher);

impl Hasher for StrongHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.finalize_xof().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_of_one_config_have_one_key_and_fuel_has_its_own() {
        let key = |metering| engine_key(&engine(metering).unwrap());
        assert_eq!(key(Metering::Unmetered), key(Metering::Unmetered));
        assert_ne!(key(Metering::Unmetered), key(Metering::Metered));
    }
}
