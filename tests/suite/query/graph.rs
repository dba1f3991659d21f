//! `graph`: the same set as a tree, as DOT, as Mermaid and as a picture.

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::sandbox::Sandbox;
use crate::support::{expect_text, fixture};

const MANIFEST: &str = r#"[extensions]
clock = { oci = "ghcr.io/acme/clock:1.4.2", capabilities = { config-read = ["ui", "clock"], secret-read = true, env = ["LANG"] } }
later = "ghcr.io/acme/later:1.0.0"
notes = { path = "a <\"quoted\"> & #35; odd.wasm" }
"#;

const LOCK: &str = r#"version = 1

[[extension]]
name = "clock"
reference = "ghcr.io/acme/clock:1.4.2"
provenance = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
component = "sha256:0000000000000000000000000000000000000000000000000000000000000002"
size = 800
imports = [
    "open-sesame:host/clipboard-write@0.1.0",
    "open-sesame:host/config-read@0.1.0",
    "open-sesame:host/log@0.1.0",
    "wasi:cli/environment@0.2.3",
    "wasi:http/types@0.2.0",
    "wasi:io/streams@0.2.3",
]
exports = [
    "acme:clock/face@1.0.0",
    "tick",
]

[[extension]]
name = "notes"
path = "a <\"quoted\"> & #35; odd.wasm"
component = "sha256:0000000000000000000000000000000000000000000000000000000000000003"
size = 800
imports = [
    "acme:other/thing@1.0.0",
    "open-sesame:host/config-read@0.1.0",
]
exports = []
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", MANIFEST);
    sandbox.write("sesame.lock", LOCK);
    sandbox
}

#[test]
fn a_set_is_drawn_in_each_format() {
    let sandbox = sandbox();
    for (format, file) in [("text", "graph.txt"), ("dot", "graph.dot"), ("mermaid", "graph.mmd"), ("svg", "graph.svg")]
    {
        let drawn = sandbox.ok(&["graph", "--format", format]);
        expect_text(&fixture("snapshots").join(file), &drawn.stdout);
        assert_eq!(drawn.stderr, "");
        assert_eq!(sandbox.ok(&["graph", "--format", format]).stdout, drawn.stdout, "it is always the same");
    }
    assert_eq!(sandbox.ok(&["graph"]).stdout, sandbox.ok(&["graph", "--format", "text"]).stdout);
    let dot = sandbox.ok(&["graph", "--format", "dot"]).stdout;
    assert!(layout::gv::DotParser::new(&dot).process().is_ok(), "{dot}");
    let svg = sandbox.ok(&["graph", "--format", "svg"]).stdout;
    assert!(svg.contains("a &lt;&quot;quoted&quot;&gt; &amp; #35; odd.wasm"), "{svg}");
    let json: Value = serde_json::from_str(&sandbox.ok(&["graph", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json), "{json}");
    let clock = &json["data"]["extensions"][0];
    assert_eq!(clock["imports"][0]["access"], "not-granted");
    assert_eq!(clock["imports"][1]["items"], serde_json::json!(["clock", "ui"]));
    assert_eq!(clock["imports"][2]["access"], "free");
    assert_eq!(clock["other_grants"], serde_json::json!(["env=LANG"]));
    assert_eq!(clock["unused_grants"], serde_json::json!(["secret-read"]));
    assert_eq!(json["data"]["extensions"][1]["is_locked"], false);
    assert_eq!(json["data"]["extensions"][2]["imports"][0]["access"], "not-offered");
}

#[test]
fn any_number_of_extensions_is_drawn() {
    for number in [0, 1, 2, 30, 400] {
        let sandbox = Sandbox::new();
        let (mut manifest, mut lock) = ("[extensions]\n".to_owned(), "version = 1\n".to_owned());
        for n in 0..number {
            manifest += &format!("e{n:03} = \"ghcr.io/acme/e:{n}\"\n");
            let entry = LOCK.split("\n\n").nth(1).unwrap();
            lock += &format!(
                "\n{}\n",
                entry.replace("clock:1.4.2", &format!("e:{n}")).replace("\"clock\"", &format!("\"e{n:03}\""))
            );
        }
        sandbox.write("sesame.toml", manifest);
        sandbox.write("sesame.lock", lock);
        let svg = sandbox.ok(&["graph", "--format", "svg"]).stdout;
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("ghcr.io/acme/e:").count(), number);
        let text = sandbox.ok(&["graph"]).stdout;
        assert_eq!(text.matches("not granted").count(), 2 * number, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_not_drawn() {
    let sandbox = Sandbox::new();
    sandbox.run(&["graph"]).fails(66, &["sesame init"]);
    sandbox.write("sesame.toml", MANIFEST);
    sandbox.write("sesame.lock", "version = 2\n");
    sandbox.run(&["graph"]).fails(65, &["sesame.lock:1:"]);
}
