//! What a component is granted when it is installed: what the command says, what its own earlier revision was granted, and
//! what the person agrees to. Nothing here writes.

use crate::host::grants::missing;
use crate::model::capability::{Capability, Grants, Scope};
use crate::model::lock::LockEntry;
use crate::model::manifest::{Extension, OciRange};
use crate::model::name::ExtensionName;
use crate::ops::error::Error;
use crate::ops::error::edit::EditError;

/// What an extension asks for.
#[derive(Debug)]
pub struct ConsentRequest<'a> {
    pub name: &'a ExtensionName,
    pub source: &'a str,
    /// What has the name so far.
    pub replaced: Option<&'a str>,
    pub entry: &'a LockEntry,
    /// What it needs and is not granted yet.
    pub missing: &'a [Capability],
    /// What the extension that it takes the place of was granted, and it is not.
    pub inherited: &'a [Capability],
    /// What the command grants.
    pub granted: &'a Grants,
    /// The range of versions that a single one would take the place of.
    pub lost_range: Option<&'a OciRange>,
}

/// What the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Granted,
    Refused,
    /// There is nobody to ask.
    NoPrompt,
    /// They stopped the command instead.
    Interrupted,
}

/// What has the name so far.
#[derive(Clone, Copy)]
pub(crate) enum Previous<'a> {
    Nothing,
    /// Another revision of the same extension: what it was granted holds on.
    Same(&'a Extension),
    /// Something else: what it was granted is nobody's until somebody says so.
    Other(&'a Extension),
}

/// A component that is to get a name.
pub(crate) struct NewComponent<'a> {
    pub name: &'a ExtensionName,
    pub source: &'a str,
    pub entry: &'a LockEntry,
    pub previous: Previous<'a>,
    /// The range of versions that the name has, if this version is not in it.
    pub lost_range: Option<&'a OciRange>,
}

/// Adds to what the command grants what the person agrees to, where more is needed.
///
/// # Errors
/// [`EditError::NoConsent`], [`EditError::Inherits`] and [`EditError::LosesRange`] if there is no one to ask, [`EditError::Declined`] if they say no.
pub(crate) fn request_consent(
    &NewComponent { name, source, entry, previous, lost_range }: &NewComponent<'_>,
    mut granted: Grants,
    consent: &dyn Fn(&ConsentRequest<'_>) -> Consent,
) -> Result<Grants, Error> {
    let (existing, missing, inherited) = match previous {
        Previous::Nothing => (None, missing(&entry.imports, &[&granted]), Vec::new()),
        Previous::Same(same) => (Some(same), missing(&entry.imports, &[&granted, &same.capabilities]), Vec::new()),
        Previous::Other(other) => {
            let missing = missing(&entry.imports, &[&granted]);
            let had = other.capabilities.keys().copied();
            let inherited =
                had.filter(|capability| !missing.contains(capability) && !granted.contains_key(capability)).collect();
            (Some(other), missing, inherited)
        }
    };
    if missing.is_empty() && inherited.is_empty() && lost_range.is_none() {
        return Ok(granted);
    }
    let replaced = existing.map(|existing| existing.source.to_string());
    let asks = ConsentRequest {
        name,
        source,
        replaced: replaced.as_deref(),
        entry,
        missing: &missing,
        inherited: &inherited,
        granted: &granted,
        lost_range,
    };
    let name = name.clone();
    match consent(&asks) {
        Consent::Granted => {
            granted.extend(missing.iter().chain(&inherited).map(|capability| {
                let had = existing.and_then(|existing| existing.capabilities.get(capability));
                (*capability, had.cloned().unwrap_or(Scope::Whole))
            }));
            Ok(granted)
        }
        Consent::Refused => Err(EditError::Declined { name }.into()),
        Consent::NoPrompt if let Some(range) = lost_range => {
            let (range, reference) = (range.requirement.to_string(), source.to_owned());
            Err(EditError::LosesRange { name, range, is_pin: source.contains('@'), reference }.into())
        }
        Consent::NoPrompt if missing.is_empty() => {
            Err(EditError::Inherits { name, from: replaced.unwrap_or_default(), capabilities: inherited }.into())
        }
        Consent::NoPrompt => Err(EditError::NoConsent { name, capabilities: missing }.into()),
        Consent::Interrupted => Err(Error::Interrupted),
    }
}
