//! Warnings in words.

use sesame::model::capability::Capability;
use sesame::model::fault::Fault;
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::model::report::warning::{CredentialsProblem, KeptGrants, Warning};
use sesame::model::text::{count, list, list_by, size};

/// A warning in one line, without control characters escaped.
pub fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LimitLowered { extension, limit, declared, allowed } => format!(
            "the `{limit}` of `{extension}` is {allowed} here, not {declared}: the policy of this machine allows no more"
        ),
        Warning::UnusedGrants { extension, capabilities } => {
            let unused: Vec<&str> = capabilities.iter().map(|capability: &Capability| capability.as_str()).collect();
            format!("`{extension}` is granted what its component does not import: {}", unused.join(", "))
        }
        Warning::GrantsNotNeeded { capabilities } => {
            format!(
                "no newer version asks for {}, so it was not granted",
                list(capabilities.iter().map(|one| one.as_str()))
            )
        }
        Warning::UnusableFolder { extension, fault } => {
            fault.hints.iter().fold(unusable_folder(extension, fault), |text, hint| format!("{text}; {hint}"))
        }
        Warning::NotNarrowed { profile, extensions, fault } => not_narrowed(profile, extensions, fault),
        Warning::OtherProfileActive { declared, active, extensions, is_name_free } => {
            other_profile((declared, active), *extensions, *is_name_free)
        }
        Warning::ActiveElsewhere { extension, profile, grants } => active_elsewhere(extension, profile, grants),
        Warning::DamageReplaced { extensions, reason } => {
            let names = list(extensions.iter().map(ExtensionName::as_str));
            format!("what is kept of {names} is made again: {reason}")
        }
        Warning::EarlierLock { earlier, lock } => {
            format!(
                "{earlier} is not used: rename it to {lock} if it was made for this manifest, and what it pins is kept"
            )
        }
        Warning::LeftOver { fault } | Warning::NotPruned { fault } => {
            fault.hints.iter().fold(fault.line(), |text, hint| format!("{text}; {hint}"))
        }
        Warning::FolderMadePrivate { folder } => format!("others could write to {folder}; now only you can"),
        Warning::MirrorPassedOver { fault, .. } => format!("a mirror is passed over: {}", fault.line()),
        Warning::CertificateUnchecked { host } => {
            format!("the certificate of {host} is not checked, because of `insecure`")
        }
        Warning::CredentialsIgnored { place, registry, why } => credentials(place, registry.as_deref(), why),
        Warning::CredentialsHidden { host, place } => format!("{place} has others for {host}, and goes first"),
        Warning::CredentialsLeft { host, place } => format!("{place} still has credentials for {host}"),
        Warning::VersionsUnknown { extension, fault } => format!("{extension}: {}", fault.line()),
        Warning::FunctionsDamaged => {
            "some of the compiled functions that were kept are damaged; they are dropped".to_owned()
        }
        Warning::FunctionsNotKept { why } => format!("compiled functions are not kept: {why}"),
        Warning::FunctionCacheFull { limit } => format!(
            "not all functions that were compiled are kept: there is room for {} of them at a time; \
             `--function-cache MIB` makes more",
            size(*limit)
        ),
        Warning::CompilerUnconfined { why } => {
            format!("the compiler runs without seccomp, which would keep it from the network and other programs: {why}")
        }
    }
}

/// That a set stays active in another profile than the manifest declares by now.
fn not_narrowed(profile: &ProfileName, extensions: &[KeptGrants], fault: &Fault) -> String {
    let kept = extensions.iter().map(|KeptGrants { name, grants }| format!("`{name}`: {}", grants.join(", ")));
    let (why, kept) = (fault.line(), list_by("; ", kept));
    format!("the active set of profile `{profile}` was not narrowed: {why}; these grants may be stale: {kept}")
}

fn active_elsewhere(extension: &ExtensionName, profile: &ProfileName, grants: &[String]) -> String {
    let active = match grants {
        [] => format!("`{extension}` is still active"),
        grants => format!("`{extension}` is still granted {}", grants.join(", ")),
    };
    format!("{active} in profile `{profile}`; `sesame sync --profile {profile}` changes that")
}

fn other_profile((declared, active): (&ProfileName, &ProfileName), extensions: usize, is_name_free: bool) -> String {
    let (extensions, are) = (count(extensions, "extension"), if extensions == 1 { "is" } else { "are" });
    let rename = match is_name_free {
        true => format!(", and `sesame profile rename {active} {declared}` keeps them as that profile"),
        false => String::new(),
    };
    format!(
        "this manifest declares profile `{declared}` now, and {extensions} of profile `{active}`, which it made before, {are} \
         still active; `sesame profile delete {active}` removes them{rename}"
    )
}

/// That an extension cannot be called, because of a folder.
pub fn unusable_folder(extension: &ExtensionName, fault: &Fault) -> String {
    format!("`{extension}` cannot be called on this machine: {}", fault.line())
}

fn credentials(place: &str, registry: Option<&str>, problem: &CredentialsProblem) -> String {
    match (problem, registry) {
        (CredentialsProblem::Unreadable { error: why }, _) => {
            format!("the credentials in {place} cannot be read: {why}")
        }
        (CredentialsProblem::NotJson, _) => format!("{place} is no JSON, so no credentials are taken from it"),
        (CredentialsProblem::Unusable { error: why }, Some(registry)) => {
            format!("no credentials for {registry} are taken from {place}: {why}")
        }
        (CredentialsProblem::Unusable { error: why }, None) => format!("no credentials are taken from {place}: {why}"),
    }
}
