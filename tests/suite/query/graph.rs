//! `graph`: the same set as a tree, as DOT, as Mermaid and as a picture.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::formats::schemas::validator;
use crate::support::artifact::component;
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

/// A number of an attribute of an element.
fn number(element: &str, attribute: &str) -> f64 {
    let (_, rest) =
        element.split_once(&format!(" {attribute}=\"")).unwrap_or_else(|| panic!("no {attribute}: {element}"));
    rest.split('"').next().unwrap().parse().unwrap()
}

#[test]
fn in_the_picture_no_text_leaves_its_box_or_its_column() {
    let sandbox = Sandbox::new();
    let long = "l".repeat(58);
    sandbox.write(
        "sesame.toml",
        format!("{MANIFEST}{long} = \"ghcr.io/{long}/{long}:1.0.0\"\nwide = {{ path = \"日本語日本語.wasm\" }}\n"),
    );
    sandbox.write("sesame.lock", LOCK);
    let svg = sandbox.ok(&["graph", "--format", "svg"]).stdout;
    let width = number(svg.lines().find(|line| line.starts_with("<svg")).unwrap(), "width");
    let boxes: Vec<&str> = svg.lines().filter(|line| line.starts_with("<rect class=\"box\"")).collect();
    assert_eq!(boxes.len(), 5, "{svg}");
    let (left, right) = (number(boxes[0], "x"), number(boxes[0], "x") + number(boxes[0], "width"));
    for line in svg.lines().filter(|line| line.starts_with("<text") && !line.contains("class=\"head\"")) {
        let words = line.split('>').nth(1).unwrap().split('<').next().unwrap();
        let words = words.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        // As wide as the letters of DejaVu Sans Mono, which are the widest of the fonts that are named.
        let font = if line.contains("small") { 11.0 } else { 13.0 };
        let wide = words.width() as f64 * font * 0.602;
        let (start, end) = match (number(line, "x"), line.contains("text-anchor=\"end\"")) {
            (x, true) => (x - wide, x),
            (x, false) => (x, x + wide),
        };
        let is_inside = line.contains("small") || line.contains("class=\"name\"");
        let (least, most) = match (is_inside, line.contains("text-anchor")) {
            (true, _) => (left, right),
            (false, true) => (0.0, left),
            (false, false) => (0.0, width),
        };
        assert!(least < start && end < most, "{line} ends at {end}, not within {least} to {most}");
    }
}

#[test]
fn the_picture_tells_grants_from_refusals_by_shape_and_in_both_colour_schemes() {
    let svg = sandbox().ok(&["graph", "--format", "svg"]).stdout;
    assert!(svg.contains("@media (prefers-color-scheme: dark)"), "{svg}");
    // Of the clock, and in the legend.
    for (shape, times) in [
        ("<circle class=\"granted\"", 3),
        ("<path class=\"refused\"", 5),
        ("<circle class=\"free\"", 3),
        ("<path class=\"unused\"", 2),
    ] {
        assert_eq!(svg.matches(shape).count(), times, "{shape}: {svg}");
    }
    for words in
        ["config-read: granted for clock, ui", "clipboard-write: not granted", "not offered by the host", "not locked"]
    {
        assert!(svg.contains(words), "no `{words}` in {svg}");
    }
}

#[test]
fn it_is_written_into_a_file_whose_name_says_the_format() {
    let sandbox = sandbox();
    for (file, format) in [("g.svg", "svg"), ("g.dot", "dot"), ("g.gv", "dot"), ("g.mmd", "mermaid"), ("g.txt", "text")]
    {
        let printed = sandbox.ok(&["graph", "--format", format]).stdout;
        let run = sandbox.ok(&["graph", "-o", file]);
        assert_eq!((run.stdout.as_str(), run.stderr), ("", format!("wrote {file}\n")));
        assert_eq!(sandbox.read(file), printed, "{file}");
    }
    sandbox.ok(&["graph", "--format", "svg", "--output", "picture"]);
    assert!(sandbox.read("picture").starts_with("<?xml"));
    sandbox.ok(&["graph", "-o", "g.txt", "--color", "always"]);
    assert!(!sandbox.read("g.txt").contains('\u{1b}'));
    sandbox.run(&["graph", "-o", "nowhere/g.svg"]).fails(74, &["nowhere"]);
    let run = sandbox.run(&["graph", "-o", "g.png"]);
    run.fails(2, &["the name `g.png` does not determine the format", "or add `--format`"]);
    assert!(!sandbox.path("project/g.png").exists());
    assert_eq!(sandbox.run(&["--json", "graph", "-o", "g.json"]).status, 2);
}

#[test]
fn a_pipe_is_written_to_and_not_replaced() {
    let sandbox = sandbox();
    let printed = sandbox.ok(&["graph", "--format", "svg"]).stdout;
    let pipe = sandbox.path("project/pipe.svg");
    let node = rustix::fs::CWD;
    rustix::fs::mknodat(node, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0)
        .unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    sandbox.ok(&["graph", "-o", "pipe.svg"]);
    assert_eq!(reader.join().unwrap(), printed);
    // A bundle is a file that appears when it is whole.
    sandbox.write("a.wasm", component("a"));
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\n");
    sandbox.ok(&["lock"]);
    let archive = pipe.with_extension("tar");
    std::fs::rename(&pipe, &archive).unwrap();
    sandbox.run(&["bundle", "export", "pipe.tar"]).fails(74, &["pipe.tar", "it is not a regular file"]);
    assert!(!archive.symlink_metadata().unwrap().is_file());
}

#[test]
fn what_cannot_be_read_is_not_drawn() {
    let sandbox = Sandbox::new();
    sandbox.run(&["graph"]).fails(66, &["sesame init"]);
    sandbox.write("sesame.toml", MANIFEST);
    sandbox.write("sesame.lock", "version = 2\n");
    sandbox.run(&["graph"]).fails(65, &["sesame.lock:1:"]);
}
