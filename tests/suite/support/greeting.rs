//! The greeting in two releases: pushed to a registry, wanted by a manifest, and told apart by what they answer.

use super::artifact::Artifact;
use super::guest;
use super::registry::Registry;
use super::sandbox::Sandbox;

pub const RELEASES: [&str; 2] = ["0.1.0", "0.2.0"];

/// What the first release gives for a blank name, and what the second does.
pub const FIRST: &str = "Hello,  !\n";
pub const SECOND: &str = "Hello, World!\n";

/// Pushes a release and makes the manifest want it, beside other entries.
pub fn want(sandbox: &Sandbox, registry: &Registry, release: &str, others: &str) {
    let component = guest(&format!("greeting-{release}"));
    let reference = registry.push("my-org/greeting", release, &Artifact::wkg(&component));
    let greeting = format!("greeting = {{ oci = \"{reference}\", capabilities.config-read = true }}");
    let registries = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    sandbox.write("sesame.toml", format!("[extensions]\n{greeting}\n{others}\n{registries}"));
}

/// Makes generation 1 of the first release, and generation 2 of the second.
pub fn upgrade(sandbox: &Sandbox, registry: &Registry, others: &str) {
    for release in RELEASES {
        want(sandbox, registry, release, others);
        sandbox.ok(&["sync"]);
    }
}

/// What the live greeting gives for a blank name.
pub fn greets(sandbox: &Sandbox) -> String {
    sandbox.ok(&["extension", "call", "greeting", "greet", " "]).stdout
}
