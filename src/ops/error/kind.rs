//! What kind of fault each error is, which decides the exit status.

use crate::compiler::inspection::ComponentError;
use crate::host::load::LoadError;
use crate::host::termination::{Termination, TerminationCause};
use crate::model::fault::FaultKind;

use super::Error;

impl Error {
    /// The kind that decides the exit status.
    #[expect(clippy::too_many_lines, reason = "a flat table")]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NoManifest { .. }
            | Self::NoSuchManifest(_)
            | Self::NoExtension { .. }
            | Self::NoGeneration { .. }
            | Self::NoEarlier { .. }
            | Self::NoVersion { .. }
            | Self::NoActiveGeneration { .. }
            | Self::NoSuchFile(_)
            | Self::NoCode { .. } => FaultKind::Missing,
            Self::Unusable(ComponentError::OtherEngine) => FaultKind::Configuration,
            Self::ForeignFile { .. }
            | Self::NotOurFolder(_)
            | Self::ProfileTaken { .. }
            | Self::NotGranted { .. }
            | Self::OtherManifest { .. } => FaultKind::Denied,
            Self::NoConsent { .. } | Self::Inherits { .. } | Self::Declined { .. } => FaultKind::Denied,
            Self::BundleNoConsent { .. } | Self::BundleDeclined | Self::WrittenByOther { .. } => FaultKind::Denied,
            Self::UnreadableDependent { source, .. } => source.kind(),
            Self::NoName { .. } | Self::NoFunction { .. } | Self::Arguments { .. } | Self::Argument { .. } => {
                FaultKind::Usage
            }
            Self::NotMetered { .. } | Self::IsActiveGeneration { .. } | Self::BundlePath(_) | Self::IsRange { .. } => {
                FaultKind::Usage
            }
            Self::HeldGeneration { .. } => FaultKind::Denied,
            Self::Stopped { stop: Termination { cause: TerminationCause::Machine(_), .. }, .. } => FaultKind::Io,
            Self::Stopped { .. } => FaultKind::Guest,
            Self::Load(LoadError::Map(_) | LoadError::Read(_) | LoadError::Refused(_) | LoadError::NoMemory(_)) => {
                FaultKind::Io
            }
            // Its tag has matched.
            Self::Load(LoadError::Wasmtime(_)) => FaultKind::Bug,
            Self::NotPutBack { error, .. } => error.kind().min(FaultKind::Io),
            Self::ChangedMeanwhile(_) | Self::Call { .. } => FaultKind::Io,
            Self::Folder { source, .. } if source.is_refusal() => FaultKind::Denied,
            Self::AlreadyThere(_) | Self::OtherWit(_) | Self::Engine(_) | Self::Policy(_) | Self::Folder { .. } => {
                FaultKind::Configuration
            }
            Self::NoCompiler(_)
            | Self::PolicyChanged { .. }
            | Self::Secrets { .. }
            | Self::CopyThere { .. }
            | Self::Taken(_)
            | Self::LinkInTheWay { .. }
            | Self::ComponentThere(_) => FaultKind::Configuration,
            Self::Read { .. } | Self::Runtime(_) | Self::NoCodeFolder { .. } => FaultKind::Io,
            Self::Problems(_)
            | Self::MissingFile { .. }
            | Self::NotAComponentFile { .. }
            | Self::NoLock
            | Self::StaleLock { .. }
            | Self::NotOffered { .. }
            | Self::Link { .. }
            | Self::Unusable(_)
            | Self::UnusableExtension { .. }
            | Self::UnusableFile { .. }
            | Self::NotAComponent { .. }
            | Self::FileTooLarge { .. }
            | Self::NotUtf8(_)
            | Self::Edit { .. }
            | Self::Result { .. }
            | Self::LockTooLarge { .. }
            | Self::OutsideFile { .. }
            | Self::UncarriedFile { .. }
            | Self::BadBundle { .. }
            | Self::DesiredStateThere { .. }
            | Self::ComponentTooLarge { .. }
            | Self::BadSize { .. } => FaultKind::Data,
            Self::NotWhole { .. }
            | Self::ChangedFile { .. }
            | Self::NotAsLocked { .. }
            | Self::BadCode { .. }
            | Self::Load(LoadError::Mac) => FaultKind::Integrity,
            Self::Extensions { faults, .. } => {
                faults.iter().map(|(_, fault)| fault.kind).min().unwrap_or(FaultKind::Bug)
            }
            Self::Incomplete(report) | Self::PutBack(report) => report.worst().unwrap_or(FaultKind::Bug),
            Self::Bug(_) => FaultKind::Bug,
            Self::Interrupted => FaultKind::Interrupted,
            Self::Registry(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
