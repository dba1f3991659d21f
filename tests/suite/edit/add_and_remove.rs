//! `add` and `remove`: one line more or less in `sesame.toml`, and everything around it as it was.

use std::os::unix::fs::symlink;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

const CONFIG: &str = "open-sesame:host/config-read@0.1.0";

/// A registry with `org/new` in two releases, and what wants a grant.
fn registry() -> Registry {
    let registry = Registry::start();
    for tag in ["0.9.0", "1.0.0", "1.1.0-rc.1", "latest"] {
        registry.push("org/new", tag, &Artifact::wkg(&component(tag)));
    }
    registry.push("org/granted", "1.0.0", &Artifact::wkg(&importing("granted", &[CONFIG])));
    registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    registry
}

/// A text with the registry's host in the place of `HOST`.
fn with_host(text: &str, registry: &Registry) -> String {
    text.replace("HOST", &registry.host())
}

/// The lines that come in, where all others stay in their order.
fn new_lines(before: &str, after: &str) -> Vec<String> {
    let mut old = before.split_inclusive('\n').peekable();
    let new = after.split_inclusive('\n').filter(|line| old.next_if(|old| old == line).is_none());
    let new = new.map(str::to_owned).collect();
    assert_eq!(old.next(), None, "{before}\n{after}");
    new
}

/// Manifests as people write them, what is added, and the lines that come in.
const EDITS: [(&str, &[&str], &[&str]); 13] = [
    (
        "[extensions]\n\"a\" = { oci = \"HOST/org/a:1.0.0\", capabilities = { env = [\n  \"A\", # one\n] } }\n# after it\n\n[config]\nx = 1\n",
        &["HOST/org/new"],
        &["new = { oci = \"HOST/org/new\", version = \"^1.0.0\" }\n"],
    ),
    (
        "[extensions]\na.oci = \"HOST/org/a:1.0.0\"\n\n[extensions.a.limits]\nmax_fuel = 5\n\n[[extensions.a.config.rule]]\nx = 1\n",
        &["HOST/org/new", "--exact"],
        &["new = \"HOST/org/new:1.0.0\"\n"],
    ),
    (
        "# mine\n[extensions]\na = \"HOST/org/a:1.0.0\"  # why\n\n# then\n[config]\nx = 1\n",
        &["HOST/org/new:0.9.0"],
        &["new = \"HOST/org/new:0.9.0\"\n"],
    ),
    (
        "[extensions]\n# none yet\n\n[config]\nx = 1\n",
        &["HOST/org/new", "--exact"],
        &["new = \"HOST/org/new:1.0.0\"\n"],
    ),
    (
        "[config]\r\nx   =   1\r\n\r\n[extensions]\r\na = \"HOST/org/a:1.0.0\"\r\n",
        &["HOST/org/new"],
        &["new = { oci = \"HOST/org/new\", version = \"^1.0.0\" }\r\n"],
    ),
    (
        "[extensions]\na = { oci = \"HOST/org/a:1.0.0\", limits = { max_fuel = 5 } }",
        &["HOST/org/new"],
        &[
            "a = { oci = \"HOST/org/a:1.0.0\", limits = { max_fuel = 5 } }\n",
            "new = { oci = \"HOST/org/new\", version = \"^1.0.0\" }\n",
        ],
    ),
    (
        "[extensions.a]\noci = \"HOST/org/a:1.0.0\"\n# last\n",
        &["HOST/org/new", "--exact"],
        &["\n", "[extensions.new]\n", "oci = \"HOST/org/new:1.0.0\"\n"],
    ),
    (
        "[extensions]\n# How they are named:\n# name = \"reference\"\n\n# more\n",
        &["HOST/org/new"],
        &["new = { oci = \"HOST/org/new\", version = \"^1.0.0\" }\n"],
    ),
    ("# nothing\n", &["HOST/org/new", "--exact"], &["\n", "[extensions]\n", "new = \"HOST/org/new:1.0.0\"\n"]),
    (
        "extensions.a = \"HOST/org/a:1.0.0\" # dotted\nprofile = \"default\"\n",
        &["HOST/org/new", "--exact"],
        &["extensions.new = \"HOST/org/new:1.0.0\"\n"],
    ),
    (
        "[extensions]\na = \"HOST/org/a:1.0.0\"\n[extensions.b]\noci = \"HOST/org/a:1.0.0\"\n",
        &["HOST/org/new", "--exact"],
        &["new = \"HOST/org/new:1.0.0\"\n"],
    ),
    (
        "[extensions]\n  a = \"HOST/org/a:1.0.0\"\n",
        &["HOST/org/granted", "--exact", "--grant", "config-read=x"],
        &["granted = { oci = \"HOST/org/granted:1.0.0\", capabilities = { config-read = [\"x\"] } }\n"],
    ),
    (
        "[extensions]\na = { oci = \"HOST/org/a:1.0.0\", limits.max_fuel = 5 }\nz.oci = \"HOST/org/a:1.0.0\"\n\n[extensions.y]\noci = \"HOST/org/a:1.0.0\"\n",
        &["HOST/org/new", "--exact", "--name", "other"],
        &["other = \"HOST/org/new:1.0.0\"\n"],
    ),
];

#[test]
fn an_edit_adds_only_the_line_that_is_meant() {
    let registry = registry();
    for (text, added, lines) in EDITS {
        let sandbox = Sandbox::new();
        let before = with_host(text, &registry);
        sandbox.write("sesame.toml", &before);
        let added: Vec<String> = added.iter().map(|word| with_host(word, &registry)).collect();
        let mut arguments = vec!["add", "--no-sync"];
        arguments.extend(added.iter().map(String::as_str));
        sandbox.ok(&arguments);
        let after = sandbox.read("sesame.toml");
        let lines: Vec<String> = lines.iter().map(|line| with_host(line, &registry)).collect();
        let unended = if before.ends_with('\n') { before.clone() } else { format!("{before}\n") };
        let lines: Vec<String> =
            lines.into_iter().filter(|line| before.ends_with('\n') || !line.starts_with("a = ")).collect();
        assert_eq!(new_lines(&unended, &after), lines, "{text}");
        // And taking it away again leaves what was there.
        let name = if added.contains(&"--name".to_owned()) {
            "other"
        } else {
            added[0].rsplit('/').next().unwrap().split(':').next().unwrap()
        };
        sandbox.ok(&["remove", "--no-sync", name]);
        let trimmed = |text: &str| text.trim_end().replace("\n\n[extensions]", "\n").trim_end().to_owned();
        assert_eq!(trimmed(&sandbox.read("sesame.toml")), trimmed(&before), "{text}");
    }
}

/// What cannot be done without loss: the file, its text, the command, and what is said of it.
const REFUSED: [(&str, &str, &[&str], &[&str]); 12] = [
    (
        "sesame.toml",
        "extensions = { a = \"HOST/org/a:1.0.0\" }\n",
        &["add", "HOST/org/new"],
        &["write `new = { oci = \"HOST/org/new\", version = \"^1.0.0\" }` among the extensions in sesame.toml by hand"],
    ),
    (
        "sesame.toml",
        "extensions = {}\n",
        &["add", "HOST/org/new", "--exact"],
        &["write `new = \"HOST/org/new:1.0.0\"`"],
    ),
    (
        "sesame.toml",
        "extensions = { a.oci = \"HOST/org/a:1.0.0\" } # all\r\n",
        &["add", "HOST/org/new:1.0.0", "--grant", "config-read"],
        &["write `new = { oci = \"HOST/org/new:1.0.0\", capabilities = { config-read = true } }`"],
    ),
    (
        "sesame.toml",
        "extensions = { a = \"HOST/org/a:1.0.0\" }\n",
        &["remove", "a"],
        &["take `a` out of sesame.toml by hand"],
    ),
    (
        "sesame.toml",
        "extensions = { a = { oci = \"HOST/org/a:1.0.0\" }, b = \"HOST/org/a:1.0.0\" } # all\n",
        &["remove", "a", "b"],
        &["take `a` out of sesame.toml by hand"],
    ),
    (
        "sesame.toml",
        "[extensions.new]\npath = \"new.wasm\" # built here\n",
        &["add", "HOST/org/new", "--grant-all"],
        &[
            "the comment `# built here` would be lost",
            "write `oci = \"HOST/org/new\"`, `version = \"^1.0.0\"` into its entry in sesame.toml by hand",
        ],
    ),
    (
        "sesame.toml",
        "[extensions.new]\noci = \"HOST/org/new:0.9.0\" # from them\n",
        &["add", "--path", "new.wasm", "--name", "new", "--grant-all"],
        &[
            "the comment `# from them` would be lost",
            "write `path = \"new.wasm\"` into its entry in sesame.toml by hand",
        ],
    ),
    (
        "sesame.toml",
        "[extensions.granted]\noci = \"HOST/org/granted:1.0.0\"\ncapabilities.config-read = [\n  \"ui\", # its colours\n]\n",
        &["add", "HOST/org/granted:1.0.0", "--grant", "config-read"],
        &["the comment `# its colours` would be lost", "`, `config-read = true` into its entry in sesame.toml"],
    ),
    (
        "sesame.toml",
        "[extensions]\ngranted = { oci = \"HOST/org/granted:1.0.0\", capabilities = { config-read = [ # few\n  \"ui\" ] } }\n",
        &["add", "HOST/org/granted:1.0.0", "--grant", "config-read"],
        &["the comment `# few` would be lost"],
    ),
    (
        "sesame.toml",
        "[extensions.granted]\noci = \"HOST/org/granted:1.0.0\"\n\n[extensions.granted.capabilities]\nconfig-read = [\n  # the # of \"colours\"\n  \"ui\",\n]\n",
        &["add", "HOST/org/granted:1.0.0", "--grant", "config-read"],
        &["the comment `# the # of \"colours\"` would be lost"],
    ),
    (
        "extensions/new.toml",
        "[extension]\nname = \"new\"\npath = \"../new.wasm\" # built here\n",
        &["add", "HOST/org/new", "--grant-all"],
        &[
            "the comment `# built here` would be lost",
            "write `oci = \"HOST/org/new\"`, `version = \"^1.0.0\"` into its entry in extensions/new.toml by hand",
        ],
    ),
    (
        "extensions/granted.toml",
        "[extension]\nname = \"granted\"\noci = \"HOST/org/granted:1.0.0\"\n\n[capabilities]\nconfig-read = [\n  \"ui\", # its colours\n]\n",
        &["add", "HOST/org/granted:1.0.0", "--grant", "config-read"],
        &[
            "the comment `# its colours` would be lost",
            "`config-read = true` into its entry in extensions/granted.toml by hand",
        ],
    ),
];

#[test]
fn what_cannot_be_done_without_loss_is_refused_with_the_line_to_write() {
    let registry = registry();
    for (file, text, arguments, said) in REFUSED {
        let sandbox = Sandbox::new();
        sandbox.write("new.wasm", component("new"));
        if file != "sesame.toml" {
            sandbox.write("sesame.toml", "# nothing\n");
        }
        let text = with_host(text, &registry);
        sandbox.write(file, &text);
        let arguments: Vec<String> = arguments.iter().map(|argument| with_host(argument, &registry)).collect();
        let run = sandbox.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let said: Vec<String> = said.iter().map(|said| with_host(said, &registry)).collect();
        run.fails(65, &said.iter().map(String::as_str).chain([" cannot be changed"]).collect::<Vec<_>>());
        assert_eq!(sandbox.read(file), text, "nothing is changed");
        assert!(!sandbox.path("project/sesame.lock").exists());
    }
}

#[test]
fn what_is_added_is_live_and_what_is_removed_is_not() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let host = registry.host();
    sandbox.write("built/tool.wasm", component("tool"));
    let said = sandbox.ok(&["add", &format!("{host}/org/new")]).stderr;
    assert!(
        said.contains(&format!(
            "added new  {host}/org/new ^1.0.0  no grants\n  locked to {host}/org/new:1.0.0\nwrote "
        )),
        "{said}"
    );
    assert!(said.contains("1 extension is live"), "{said}");
    // Where there was no manifest, the user's own was begun; here it is named.
    let own = sandbox.path("home/config/pds");
    assert!(own.join("sesame.toml").exists());
    sandbox
        .run(&["add", &format!("{host}/org/granted")])
        .fails(77, &["`granted` needs what is not granted: config-read"]);
    sandbox.ok(&["add", &format!("{host}/org/granted"), "--grant-all"]);
    let tool = sandbox.path("project/built/tool.wasm").display().to_string();
    sandbox.ok(&["add", "--path", &tool, "--name", "tool"]);
    assert_eq!(sandbox.ok(&["extension", "call", "tool", "run"]).stdout, "7\n");
    let text = std::fs::read_to_string(own.join("sesame.toml")).unwrap();
    assert!(text.contains(&format!("tool = {{ path = \"{tool}\" }}")), "{text}");
    sandbox.run(&["remove", "granted", "nothing"]).fails(66, &["there is no extension `nothing`"]);
    assert_eq!(std::fs::read_to_string(own.join("sesame.toml")).unwrap(), text, "all or none");
    let said = sandbox.ok(&["remove", "tool", "granted"]).stderr;
    assert!(said.contains("removed granted from ") && said.contains("removed tool from "), "{said}");
    assert!(said.contains("1 extension is live"), "{said}");
    assert!(sandbox.path("project/built/tool.wasm").exists());
}

#[test]
fn a_manifest_that_is_a_link_stays_one() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    std::fs::create_dir(sandbox.path("dotfiles")).unwrap();
    std::fs::write(sandbox.path("dotfiles/sesame.toml"), "[extensions]\n").unwrap();
    std::fs::write(sandbox.path("dotfiles/sesame.lock"), "version = 1\n").unwrap();
    for file in ["sesame.toml", "sesame.lock"] {
        symlink(sandbox.path("dotfiles").join(file), sandbox.path("project").join(file)).unwrap();
    }
    sandbox.ok(&["add", &format!("{}/org/new", registry.host())]);
    for file in ["sesame.toml", "sesame.lock"] {
        assert!(sandbox.path("project").join(file).is_symlink(), "{file}");
        assert!(std::fs::read_to_string(sandbox.path("dotfiles").join(file)).unwrap().contains("org/new"));
    }
}

#[test]
fn another_file_inherits_no_grants() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", importing("a", &[CONFIG]));
    sandbox.write("b.wasm", importing("b", &[CONFIG]));
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.ok(&["add", "--path", "a.wasm", "--grant", "config-read"]);
    let before = sandbox.read("sesame.toml");
    assert_eq!(before, "[extensions]\na = { path = \"a.wasm\", capabilities = { config-read = true } }\n");
    sandbox.run(&["add", "--path", "b.wasm", "--name", "a"]).fails(77, &["`a`", "config-read"]);
    assert_eq!(sandbox.read("sesame.toml"), before);
    sandbox.ok(&["add", "--path", "a.wasm"]);
    assert_eq!(sandbox.read("sesame.toml"), before);
    // A link is written as it is named: where it leads may be another file the next time.
    symlink("b.wasm", sandbox.path("project/link.wasm")).unwrap();
    sandbox.ok(&["add", "--path", "link.wasm", "--grant-all"]);
    assert!(sandbox.read("sesame.toml").contains("link = { path = \"link.wasm\""));
}

#[test]
fn an_edit_that_would_touch_other_lines_is_refused() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let text = "[ extensions . a ]\noci = \"HOST/org/a:1.0.0\"\n\n[extensions.\"new\"]\noci = \"HOST/org/new:0.9.0\"\n\n[extensions.z]\noci = \"HOST/org/a:1.0.0\"\n";
    let text = with_host(text, &registry);
    sandbox.write("sesame.toml", &text);
    let run = sandbox.run(&["add", "--no-sync", &format!("{}/org/new:1.0.0", registry.host())]);
    let after = sandbox.read("sesame.toml");
    assert!(run.status == 0 && after == text.replace("0.9.0", "1.0.0") || run.status == 65 && after == text, "{after}");
}

/// The entry of `new`.
fn entry(sandbox: &Sandbox) -> String {
    sandbox.read("sesame.toml").lines().find(|line| line.starts_with("new = ")).unwrap_or_default().to_owned()
}

#[test]
fn without_a_tag_a_range_of_versions_is_declared() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let host = registry.host();
    registry.push("org/new", "0.8.5", &Artifact::wkg(&component("0.8.5")));
    sandbox.write("sesame.toml", "[extensions]\n");
    let repository = format!("{host}/org/new");
    let range = |requirement: &str| format!("new = {{ oci = \"{repository}\", version = \"{requirement}\" }}");
    let run = sandbox.ok(&["add", &repository]);
    assert!(run.stderr.contains(&format!("  locked to {repository}:1.0.0\n")), "{}", run.stderr);
    assert_eq!(entry(&sandbox), range("^1.0.0"));
    sandbox.ok(&["sync", "--locked"]).fails(0, &["up to date"]);
    sandbox.run(&["add", &repository]).fails(2, &["`new` is there already", "`--version`", "`--exact`"]);
    // Another range, of which the newest is locked.
    sandbox.ok(&["add", &repository, "--version", "~0.8"]).fails(0, &["locked to", ":0.8.5 instead of ", "replaces"]);
    assert_eq!(entry(&sandbox), range("~0.8"));
    sandbox.ok(&["add", &repository, "--version", "^0.9"]);
    assert!(sandbox.read("sesame.lock").contains(":0.9.0\""));
    sandbox.run(&["add", &repository, "--version", "^7"]).fails(66, &["no tag fits `new`", "newest release is 1.0.0"]);
    sandbox
        .run(&["add", &format!("{repository}:1.0.0"), "--version", "^1"])
        .fails(2, &["`--version` needs a repository without a tag", "leave out the tag"]);
    assert_eq!(entry(&sandbox), range("^0.9"));
    // One tag, whatever range was declared.
    sandbox.ok(&["add", &format!("{repository}:0.9.0"), "--exact"]);
    assert!(entry(&sandbox).contains(&format!("oci = \"{repository}:0.9.0\"")), "{}", entry(&sandbox));
    // What is declared with a tag stays so.
    sandbox.ok(&["add", &repository]);
    assert!(entry(&sandbox).contains(&format!("oci = \"{repository}:1.0.0\"")), "{}", entry(&sandbox));
    sandbox.ok(&["remove", "new"]);
    sandbox.ok(&["add", &repository, "--exact"]);
    assert_eq!(entry(&sandbox), format!("new = \"{repository}:1.0.0\""));
    // In a file of its own it is the same.
    sandbox.ok(&["extension", "install", &repository, "--name", "own"]);
    let own = sandbox.read("extensions/own.toml");
    assert!(own.contains(&format!("oci = \"{repository}\"\nversion = \"^1.0.0\"\n")), "{own}");
}
