//! Loading what is live, through the library.

use sesame::model::name::{ExtensionName, ProfileName};
use sesame::ops::error::Error;
use sesame::ops::load::load;
use sesame::store::paths::StorePaths;

use crate::support::artifact::component;
use crate::support::sandbox::Sandbox;

fn paths(sandbox: &Sandbox) -> StorePaths {
    StorePaths { data: sandbox.data(), cache: sandbox.cache(), state: sandbox.path("home/state/pds") }
}

#[test]
fn only_whole_code_of_a_live_extension_is_loaded() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("a"));
    sandbox.write(
        "sesame.toml",
        "extensions.a = { path = \"a.wasm\" }\nextensions.b = { path = \"a.wasm\", limits.max_fuel = 5 }\n",
    );
    let paths = paths(&sandbox);
    let profile = ProfileName::default();
    let name = |name: &str| name.parse::<ExtensionName>().unwrap();
    assert!(matches!(load(&paths, &profile, &name("a")), Err(Error::NoExtension { .. })));
    sandbox.sync(None, &[]);
    for extension in ["a", "b"] {
        let (engine, component) = load(&paths, &profile, &name(extension)).unwrap();
        assert!(component.get_export_index(None, "run").is_some());
        assert!(wasmtime::Store::new(&engine, ()).get_fuel().is_ok() == (extension == "b"));
    }
    for file in sandbox.files(&sandbox.cache().join("cwasm")) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
    assert!(matches!(load(&paths, &profile, &name("a")), Err(Error::NoCode { .. })));
    sandbox.sync(None, &[]);
    load(&paths, &profile, &name("a")).unwrap();
}
