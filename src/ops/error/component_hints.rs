//! What to do about a component, or a file in its place, that cannot be used.

use crate::compiler::inspection::ComponentError;
use crate::compiler::settings::CompilerSettings;
use crate::engine::compile::CompileError;
use crate::engine::error::InspectError;
use crate::model::fault::hint::Hint;
use crate::model::file_kind::FileKind;

/// What to do about it.
pub(super) fn component_hint(error: &ComponentError) -> Hint {
    match error {
        ComponentError::Inspect(InspectError::TooMany { .. } | InspectError::LongName { .. }) => {
            "ask its author for a simpler build".into()
        }
        ComponentError::Inspect(InspectError::NotAComponent(kind)) => file_kind_hint(*kind),
        ComponentError::Inspect(InspectError::Features { .. }) => {
            "build it without that; the README lists what this host has".into()
        }
        ComponentError::Inspect(InspectError::WitPackage) => {
            "name the component that implements it; a WIT package is for those who build one".into()
        }
        ComponentError::Inspect(_) => "build it again, or ask its author for a build with current tools".into(),
        ComponentError::Compile(CompileError::NotAComponent(kind)) => file_kind_hint(*kind),
        ComponentError::Compile(CompileError::Failed(_)) => "ask its author for a build with current tools".into(),
        ComponentError::Panicked(_) => "it may be a fault of the compiler: please report it, with the component".into(),
        ComponentError::Timeout(_) => {
            let usual = CompilerSettings::TIMEOUT;
            format!("if you trust it, give it more time with `--compile-timeout SECONDS` ({usual} if not said)").into()
        }
        ComponentError::Memory(_) => {
            let usual = CompilerSettings::MEMORY;
            format!("if you trust it, give it more with `--compile-memory MIB` ({usual} if not said)").into()
        }
        ComponentError::Ended(_) => {
            "run the command again; if it ends again, look into the log of the system, or ask its author for a simpler build"
                .into()
        }
        ComponentError::OtherEngine => "give the path of a `sesame` program of this version".into(),
    }
}

/// What to do about a file of this kind where a component is wanted.
pub(super) fn file_kind_hint(kind: FileKind) -> Hint {
    let text = match kind {
        FileKind::CoreModule => "make a component of it with `wasm-tools component new`, and publish that",
        FileKind::OtherWasm => "build it again with current tools, and publish that",
        FileKind::Elf => "publish the component that it was compiled from; sesame compiles it on each machine",
        FileKind::Tar | FileKind::Gzip | FileKind::Zstd | FileKind::Zip => {
            "publish the .wasm file itself as the layer, not an archive or a container image of it"
        }
        FileKind::Wat => "turn it into bytes with `wasm-tools parse`, and publish those",
        FileKind::Component | FileKind::Text | FileKind::Empty | FileKind::Unknown => {
            "look whether the reference names the right artifact"
        }
    };
    text.into()
}
