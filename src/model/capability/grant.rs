//! Grants and revocations as people write them on the command line: `NAME`, or `NAME=ITEM,ITEM`.

use std::fmt;
use std::str::FromStr;

use crate::model::text::{list, nearest};

use super::{Capability, Grants, Scope, ScopeForm, add};

/// A text that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("there is no capability `{name}`{}", meant(closest.as_ref(), name))]
    Unknown { name: String, closest: Option<String> },
    #[error("`{0}` is granted as a whole; write it without `=`")]
    Whole(Capability),
    #[error("`{0}` is granted item by item; write `{0}=ITEM` or `{0}=ITEM,ITEM`")]
    List(Capability),
    #[error("in `{0}`, {1}")]
    Item(Capability, &'static str),
    #[error("`{0}={1}` grants an item that is called `{1}`; write `{0}` for all of it, or the items")]
    NotAnItem(Capability, String),
    #[error("`{0}` is named as a whole and for items; name one of the two")]
    WholeAndItems(Capability),
}

fn meant(closest: Option<&String>, name: &str) -> String {
    match closest {
        Some(closest) => format!("; did you mean `{closest}`?"),
        None if name.contains(',') => "; separate capabilities by spaces".to_owned(),
        None => format!("; there are {}", list(Capability::ALL.map(Capability::as_str))),
    }
}

/// What several grants, or revocations, mean together.
///
/// # Errors
/// [`GrantError::WholeAndItems`] if one is named as a whole and for items, too: which of the two is meant is not known.
pub fn collect<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> Result<Grants, GrantError> {
    let mut all = Grants::new();
    for Grant { capability, scope } in grants {
        match (all.get(capability), scope) {
            (Some(Scope::Whole), Scope::Only(_)) | (Some(Scope::Only(_)), Scope::Whole) => {
                return Err(GrantError::WholeAndItems(*capability));
            }
            _ => add(&mut all, *capability, scope.clone()),
        }
    }
    Ok(all)
}

impl FromStr for Capability {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == text).ok_or_else(|| GrantError::Unknown {
            name: text.to_owned(),
            closest: nearest(text, Self::ALL.map(Self::as_str)).map(str::to_owned),
        })
    }
}

/// Each grant as it is written after `--grant`: `config-read`, `secret-read=api-token,pin`.
pub fn format_grants(grants: &Grants) -> Vec<String> {
    grants
        .iter()
        .map(|(capability, scope)| Grant { capability: *capability, scope: scope.clone() }.to_string())
        .collect()
}

/// One grant, as `NAME` or `NAME=ITEM,ITEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub capability: Capability,
    pub scope: Scope,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Whole => write!(f, "{}", self.capability),
            Scope::Only(items) => {
                write!(f, "{}={}", self.capability, items.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// What is no longer granted: `NAME` for all of a capability, or `NAME=ITEM,ITEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation(pub Grant);

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let Revocation(grant) = text.parse()?;
        match (&grant.scope, grant.capability.form()) {
            (Scope::Whole, ScopeForm::List) => Err(GrantError::List(grant.capability)),
            _ => Ok(grant),
        }
    }
}

impl FromStr for Revocation {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (name, items) = text.split_once('=').map_or((text, None), |(name, items)| (name, Some(items)));
        let capability: Capability = name.parse()?;
        let scope = match (items, capability.form()) {
            (None, _) => Scope::Whole,
            (Some(_), ScopeForm::Whole) => return Err(GrantError::Whole(capability)),
            (Some(items), _) => Scope::Only(items.split(',').map(|item| item.trim().to_owned()).collect()),
        };
        // As a whole it is granted without `=`.
        let is_mistaken = |item: &&str| matches!(*item, "true" | "false" | "*");
        if let Some(item) = scope.items().find(is_mistaken) {
            return Err(GrantError::NotAnItem(capability, item.to_owned()));
        }
        if let Some(why) = scope.items().find_map(|item| capability.invalid_item_reason(item)) {
            return Err(GrantError::Item(capability, why));
        }
        Ok(Self(Grant { capability, scope }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_written_as_they_are_shown() {
        for text in ["config-read", "config-read=ui,net", "fs-write=~/notes", "notification"] {
            let grant: Grant = text.parse().unwrap();
            let mut shown = grant.to_string().split(['=', ',']).map(str::to_owned).collect::<Vec<_>>();
            let mut given = text.split(['=', ',']).map(str::to_owned).collect::<Vec<_>>();
            shown.sort();
            given.sort();
            assert_eq!(shown, given);
        }
        let error = |text: &str| text.parse::<Grant>().unwrap_err().to_string();
        assert_eq!(error("fs-read"), "`fs-read` is granted item by item; write `fs-read=ITEM` or `fs-read=ITEM,ITEM`");
        assert_eq!(error("notification=x"), "`notification` is granted as a whole; write it without `=`");
        assert_eq!(error("secret-reed"), "there is no capability `secret-reed`; did you mean `secret-read`?");
        assert_eq!(error("env=A,"), "in `env`, an item is empty");
    }

    #[test]
    fn the_whole_swallows_a_list() {
        let mut grants = Grants::new();
        for text in ["secret-read=a", "secret-read=b", "secret-read", "secret-read=c"] {
            let Grant { capability, scope } = text.parse().unwrap();
            add(&mut grants, capability, scope);
            let expected: &[&str] = match text {
                "secret-read=a" => &["secret-read=a"],
                "secret-read=b" => &["secret-read=a,b"],
                _ => &["secret-read"],
            };
            assert_eq!(format_grants(&grants), expected);
        }
    }
}
