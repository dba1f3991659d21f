//! The function cache as wasmtime's compiler asks for it.
//!
//! What is in it has no influence on the code that comes out: a function that is found is the one that would be compiled.

use std::borrow::Cow;
use std::sync::Arc;

use wasmtime::CacheStore;

use crate::model::function_cache::CompiledFunctions;

/// Hands wasmtime's questions on.
#[derive(Debug)]
pub(crate) struct Adapter(pub Arc<dyn CompiledFunctions>);

impl CacheStore for Adapter {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.get(key).map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        self.0.put(key, &value);
        true
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use std::collections::HashMap;

    use super::*;
    use crate::engine::compile::compile;
    use crate::engine::config::{caching_engine, engine};
    use crate::engine::key::engine_key;
    use crate::model::engine_key::Metering;

    #[derive(Debug, Default)]
    struct InMemory(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

    impl CompiledFunctions for InMemory {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.lock().get(key).cloned()
        }

        fn put(&self, key: &[u8], function: &[u8]) {
            self.0.lock().insert(key.to_vec(), function.to_vec());
        }
    }

    #[test]
    fn the_cache_changes_neither_the_code_nor_the_engine_key() {
        let functions = Arc::new(InMemory::default());
        let plain = engine(Metering::Metered).unwrap();
        let caching = caching_engine(Metering::Metered, functions.clone()).unwrap();
        assert_eq!(engine_key(&plain), engine_key(&caching));
        let component = include_bytes!("../../fixtures/guests/built/greeting-0.3.0.wasm");
        let code = compile(&plain, component).unwrap();
        assert!(functions.0.lock().is_empty());
        assert!(compile(&caching, component).unwrap() == code, "cold");
        let made = functions.0.lock().len();
        assert!(made > 50, "{made}");
        assert!(compile(&caching, component).unwrap() == code, "warm");
    }
}
