//! Names that people give to extensions and profiles. They become file names, so the grammar is narrow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub const MAX_NAME: usize = 64;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error("the name has {found} characters, at most {MAX_NAME} are allowed")]
    TooLong { found: usize },
    #[error("`{name}` contains '{character}'; a name is made of a-z, 0-9 and `-`, and begins with a letter or digit")]
    Character { name: String, character: char },
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type! {
    /// What an extension is called on this machine: `[a-z0-9][a-z0-9-]{0,63}`.
    ExtensionName
}

name_type! {
    /// A named live set on this machine: `[a-z0-9][a-z0-9-]{0,63}`.
    ProfileName
}

impl Default for ProfileName {
    /// The profile that is meant when neither the manifest nor the command line says one.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let found = name.chars().count();
    if found > MAX_NAME {
        return Err(NameError::TooLong { found });
    }
    let allowed = |(at, c): &(usize, char)| c.is_ascii_lowercase() || c.is_ascii_digit() || (*at > 0 && *c == '-');
    match name.char_indices().find(|pair| !allowed(pair)) {
        Some((_, character)) => Err(NameError::Character { name: name.to_owned(), character }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_digits_and_inner_hyphens() {
        for good in ["a", "0", "greeting-extension", "a--b", &"x".repeat(64)] {
            assert_eq!(good.parse::<ExtensionName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "../a", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<ExtensionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn deserializing_goes_through_the_check() {
        assert!(serde_json::from_str::<ProfileName>("\"work\"").is_ok());
        assert!(serde_json::from_str::<ProfileName>("\"../work\"").is_err());
    }
}
