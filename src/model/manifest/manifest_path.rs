//! The absolute path of a manifest, by which a generation knows what made it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// An absolute path of a `sesame.toml`. Two are the same if they are the same path, however they are written: `/a//b` is
/// `/a/b`. Files hold it as text, so what is not UTF-8 in it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ManifestPath(PathBuf);

impl ManifestPath {
    pub fn new(path: &Path) -> Self {
        Self(path.to_string_lossy().into_owned().into())
    }

    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The folder that it is in, to which its relative paths are relative.
    pub fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }
}

impl TryFrom<String> for ManifestPath {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let path = PathBuf::from(text);
        if path.is_absolute() { Ok(Self(path)) } else { Err("the path of a manifest is not absolute") }
    }
}

impl fmt::Display for ManifestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Serialize for ManifestPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for ManifestPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_however_they_are_written() {
        let path = |text: &str| ManifestPath::new(Path::new(text));
        assert_eq!(path("/home/me//dotfiles/./sesame.toml"), path("/home/me/dotfiles/sesame.toml"));
        assert!(ManifestPath::try_from("sesame.toml".to_owned()).is_err());
        assert_ne!(path("/home/me/dotfiles/../sesame.toml"), path("/home/me/sesame.toml"));
        assert_eq!(path("/home/me/dotfiles/sesame.toml").folder(), Path::new("/home/me/dotfiles"));
    }
}
