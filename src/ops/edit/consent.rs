//! What a component is granted when it is installed: what the command says, what its own earlier revision was granted, and
//! what the person agrees to. Nothing here writes.

use crate::host::grants::missing;
use crate::model::capability::{Capability, Grants, Scope};
use crate::model::lock::LockEntry;
use crate::model::manifest::{Extension, OciRange};
use crate::model::name::ExtensionName;
use crate::ops::error::Error;
use crate::ops::error::edit::{ConfirmedAction, EditError};

/// What an extension asks for.
#[derive(Debug)]
pub struct ConsentRequest<'a> {
    pub name: &'a ExtensionName,
    pub source: &'a str,
    /// What has the name so far.
    pub replaced: Option<&'a str>,
    pub entry: &'a LockEntry,
    /// What it needs and is not granted yet, as far as it would be granted.
    pub missing: &'a Grants,
    /// What the extension that it takes the place of was granted, and it is not.
    pub inherited: &'a Grants,
    /// What the command grants.
    pub granted: &'a Grants,
    /// The range of versions that a single one would take the place of.
    pub lost_range: Option<&'a OciRange>,
}

impl ConsentRequest<'_> {
    /// All that would be granted.
    pub fn asked(&self) -> Grants {
        self.missing.iter().chain(self.inherited).map(|(capability, scope)| (*capability, scope.clone())).collect()
    }
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent<T = ()> {
    /// A yes, and what it is a yes to.
    Granted(T),
    Refused,
    /// There is no terminal to ask at.
    NoPrompt,
    /// The command was interrupted instead.
    Interrupted,
}

impl Consent {
    /// Goes on only with a yes.
    ///
    /// # Errors
    /// [`EditError::ActionDeclined`] after a no, [`EditError::Unconfirmed`] if there was no one to ask, [`Error::Interrupted`].
    pub(crate) fn require(self, action: ConfirmedAction) -> Result<(), Error> {
        match self {
            Self::Granted(()) => Ok(()),
            Self::Refused => Err(EditError::ActionDeclined { action }.into()),
            Self::NoPrompt => Err(EditError::Unconfirmed { action }.into()),
            Self::Interrupted => Err(Error::Interrupted),
        }
    }
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

/// What an extension is granted from now on.
pub(crate) struct Agreement {
    /// By the command, and what was agreed to.
    pub granted: Grants,
    /// What its entry grants to something else, and it is not granted.
    pub revoked: Grants,
}

/// Adds to what the command grants what the person agrees to, where more is needed.
///
/// # Errors
/// [`EditError::NoConsent`], [`EditError::Inherits`] and [`EditError::LosesRange`] if there is no one to ask, [`EditError::Declined`] if they say no.
pub(crate) fn request_consent(
    &NewComponent { name, source, entry, previous, lost_range }: &NewComponent<'_>,
    mut granted: Grants,
    consent: &dyn Fn(&ConsentRequest<'_>) -> Consent<Grants>,
) -> Result<Agreement, Error> {
    let (existing, other) = match previous {
        Previous::Nothing => (None, None),
        Previous::Same(same) => (Some(same), None),
        Previous::Other(other) => (Some(other), Some(other)),
    };
    let held = existing.filter(|_| other.is_none()).map(|same| &same.capabilities);
    let before = other.map(|other| other.capabilities.clone()).unwrap_or_default();
    let missing: Grants = missing(&entry.imports, &[Some(&granted), held].into_iter().flatten().collect::<Vec<_>>())
        .into_iter()
        .map(|capability| (capability, before.get(&capability).cloned().unwrap_or(Scope::Whole)))
        .collect();
    let is_inherited = |capability: &Capability| !missing.contains_key(capability) && !granted.contains_key(capability);
    let inherited: Grants = before.clone().into_iter().filter(|(capability, _)| is_inherited(capability)).collect();
    if !(missing.is_empty() && inherited.is_empty() && lost_range.is_none()) {
        let replaced = existing.map(|existing| existing.source.to_string());
        let request = ConsentRequest {
            name,
            source,
            replaced: replaced.as_deref(),
            entry,
            missing: &missing,
            inherited: &inherited,
            granted: &granted,
            lost_range,
        };
        let agreed = agreed(&request, consent)?;
        granted.extend(agreed);
    }
    let revoked = before.iter().filter_map(|(capability, scope)| match (scope, granted.get(capability)) {
        (_, None) => Some((*capability, Scope::Whole)),
        // Items take the place of a whole capability.
        (Scope::Whole, Some(_)) => None,
        (items, kept) => Some((*capability, items.minus(kept)?)),
    });
    Ok(Agreement { revoked: revoked.collect(), granted })
}

/// What a person agrees to; all that the component needs is among it.
fn agreed(
    request: &ConsentRequest<'_>,
    consent: &dyn Fn(&ConsentRequest<'_>) -> Consent<Grants>,
) -> Result<Grants, Error> {
    let ConsentRequest { name, source, missing, .. } = *request;
    let name = name.clone();
    match consent(request) {
        Consent::Granted(agreed) if missing.keys().all(|capability| agreed.contains_key(capability)) => Ok(agreed),
        Consent::Refused if let Some(range) = request.lost_range => {
            let action = ConfirmedAction::ReplaceRange { name, range: range.requirement.to_string() };
            Err(EditError::ActionDeclined { action }.into())
        }
        Consent::Granted(_) | Consent::Refused => Err(EditError::Declined { name }.into()),
        Consent::NoPrompt if let Some(range) = request.lost_range => {
            let (range, reference) = (range.requirement.to_string(), source.to_owned());
            Err(EditError::LosesRange { name, range, is_pin: source.contains('@'), reference }.into())
        }
        Consent::NoPrompt if missing.is_empty() => {
            let from = request.replaced.unwrap_or_default().to_owned();
            Err(EditError::Inherits { name, from, capabilities: request.inherited.keys().copied().collect() }.into())
        }
        Consent::NoPrompt => Err(EditError::NoConsent { name, capabilities: missing.keys().copied().collect() }.into()),
        Consent::Interrupted => Err(Error::Interrupted),
    }
}
