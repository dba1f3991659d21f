//! What compiled code depends on, as one short name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::hex;

/// The name of everything that compiled code depends on: wasmtime's version, our Config, target, CPU features.
///
/// `engine::key` makes it; it is a folder's name in the cwasm cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EngineKey(String);

impl EngineKey {
    /// A key from 16 bytes of a strong hash.
    pub fn new(hash: [u8; 16]) -> Self {
        Self(hex(&hash))
    }

    /// Reads what [`as_str`](Self::as_str) gives.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// 32 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an extension's code is compiled. Metered code counts fuel; it compiles longer and runs slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metering {
    Unmetered,
    Metered,
}

/// The keys of the engines on this machine, of those that are needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineKeys {
    pub unmetered: Option<EngineKey>,
    pub metered: Option<EngineKey>,
}

impl EngineKeys {
    /// Whether one of them has this text.
    pub fn contains(&self, text: &str) -> bool {
        [&self.unmetered, &self.metered].into_iter().flatten().any(|key| key.as_str() == text)
    }

    pub fn get(&self, metering: Metering) -> Option<&EngineKey> {
        match metering {
            Metering::Unmetered => self.unmetered.as_ref(),
            Metering::Metered => self.metered.as_ref(),
        }
    }
}
