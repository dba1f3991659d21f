//! Compiling: a component's bytes in, the bytes of its cwasm out.

use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use crate::model::file_kind::FileKind;

/// Why a component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CompileError {
    #[error("it is {0}")]
    NotAComponent(FileKind),
    #[error("wasmtime cannot compile it: {0}")]
    Failed(String),
}

/// Compiles a component. Uses the rayon pool that it is called from.
///
/// # Errors
/// [`CompileError`] if the bytes are anything but a component that wasmtime supports.
pub fn compile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match FileKind::of(component) {
        FileKind::Component => {
            engine.precompile_component(component).map_err(|error| CompileError::Failed(format!("{error:#}")))
        }
        other => Err(CompileError::NotAComponent(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::engine;
    use crate::model::engine_key::Metering;

    #[test]
    fn only_components_are_compiled() {
        let engine = engine(Metering::Unmetered).unwrap();
        let code = compile(&engine, &wat::parse_str("(component)").unwrap()).unwrap();
        let module = wat::parse_str("(module)").unwrap();
        assert_eq!(compile(&engine, &module), Err(CompileError::NotAComponent(FileKind::CoreModule)));
        assert_eq!(compile(&engine, &code), Err(CompileError::NotAComponent(FileKind::Elf)));
        assert_eq!(compile(&engine, b"(component)"), Err(CompileError::NotAComponent(FileKind::Wat)));
    }
}
