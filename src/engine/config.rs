//! The one function that builds a wasmtime [`Config`]. Compiling and loading both call it (invariant 4: one engine configuration).

use std::sync::Arc;

use wasmparser::WasmFeatures;
use wasmtime::{Config, Engine, OptLevel};

use crate::model::engine_key::Metering;
use crate::model::function_cache::CompiledFunctions;

use super::function_cache::Adapter;

/// Every WebAssembly feature that a component may use; all others are off, whatever Cargo features
/// wasmtime was built with.
pub const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("wasmtime cannot be set up on this machine: {0}")]
pub struct EngineError(pub String);

/// An engine for extensions with or without fuel. Takes some 0.2 ms.
///
/// # Errors
/// [`EngineError`] if wasmtime does not support this machine.
pub fn engine(metering: Metering) -> Result<Engine, EngineError> {
    Engine::new(&config(metering)).map_err(|error| EngineError(format!("{error:#}")))
}

/// The same engine, for compiling with a function cache. Its key is that of [`engine`].
///
/// # Errors
/// As [`engine`].
pub fn caching_engine(metering: Metering, functions: Arc<dyn CompiledFunctions>) -> Result<Engine, EngineError> {
    let mut config = config(metering);
    let cached = config.enable_incremental_compilation(Arc::new(Adapter(functions))).map(drop);
    cached.and_then(|()| Engine::new(&config)).map_err(|error| EngineError(format!("{error:#}")))
}

fn config(metering: Metering) -> Config {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(FEATURES, true);
    config.relaxed_simd_deterministic(true);
    config.epoch_interruption(true);
    config.consume_fuel(metering == Metering::Metered);
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_nan_canonicalization(true);
    config.debug_info(false);
    config.generate_address_map(true);
    config.native_unwind_info(true);
    config.concurrency_support(false);
    config.parallel_compilation(true);
    config
}
