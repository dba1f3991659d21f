//! `grant` and `revoke`: what would change is shown, and nothing is written without consent. A revocation always works.

use std::fs;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{component, importing};
use crate::support::guest;
use crate::support::sandbox::Sandbox;

use super::install::at_a_terminal;

const CONFIG: &str = "open-sesame:host/config-read@0.1.0";
const NOTIFY: &str = "open-sesame:host/notification@0.1.0";

/// A greeting that is granted what it imports, active.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("g.wasm", guest("greeting-0.1.0"));
    sandbox.write("sesame.toml", "[extensions]\ng = { path = \"g.wasm\", capabilities.config-read = true } # mine\n");
    sandbox.ok(&["sync"]);
    sandbox
}

/// What is granted to an active extension.
fn granted(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(&sandbox.ok(&["list", "--json"]).stdout).unwrap();
    let extensions = list["data"]["extensions"].as_array().unwrap().clone();
    let extension = extensions.iter().find(|extension| extension["name"] == name).unwrap();
    extension["capabilities"].as_array().unwrap().iter().map(|grant| grant.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_effect_is_shown_and_nothing_is_written_without_consent() {
    let sandbox = synced();
    let before = sandbox.read("sesame.toml");
    let change = ["grant", "g", "secret-read=pin,token", "config-read=ui"];
    sandbox.run(&change).fails(77, &["a change to the grants of `g` needs your consent", "`--yes` gives it"]);
    let shown = [
        "~ config-read → config-read=ui",
        "+ secret-read=pin,token",
        "reads these secrets of yours",
        "its component does not import secret-read",
        "write this to sesame.toml and sync? [y/N]",
    ];
    for (answer, status) in [(&b"n\n"[..], 77), (b"\n", 77), (b"", 130)] {
        let (code, said) = at_a_terminal(&sandbox, &change, || {}, answer);
        assert_eq!(code, Some(status), "{answer:?}: {said}");
        assert!(shown.iter().all(|text| said.contains(text)), "{said}");
        assert_eq!(sandbox.read("sesame.toml"), before, "{answer:?}");
    }
    let (code, said) = at_a_terminal(&sandbox, &change, || {}, b"y\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("changed the grants of g: +secret-read=pin,token; config-read → config-read=ui"), "{said}");
    let after = sandbox.read("sesame.toml");
    assert!(
        after.contains("secret-read = [\"pin\", \"token\"]") && after.contains("config-read = [\"ui\"]"),
        "{after}"
    );
    assert!(after.contains("# mine"), "{after}");
    assert_eq!(granted(&sandbox, "g"), ["config-read=ui", "secret-read=pin,token"]);
    sandbox.ok(&["grant", "g", "secret-read=pin"]).fails(0, &["nothing to change: `g` is granted config-read=ui"]);
}

#[test]
fn a_manifest_that_is_changed_during_the_question_stays() {
    let sandbox = synced();
    let other = sandbox.read("sesame.toml").replace("config-read = true", "config-read = [\"a\"]");
    let swap = || sandbox.write("sesame.toml", &other);
    let (code, said) = at_a_terminal(&sandbox, &["grant", "g", "secret-read"], swap, b"y\n");
    assert!(code == Some(74) && said.contains("sesame.toml was changed"), "{code:?}: {said}");
    assert_eq!(sandbox.read("sesame.toml"), other);
    // And by `add`, which would put another component in the place of this one.
    sandbox.write("../g.wasm", importing("g", &[CONFIG, NOTIFY]));
    let again = other.replace("[\"a\"]", "[\"b\"]");
    let swap = || sandbox.write("sesame.toml", &again);
    let (code, said) = at_a_terminal(&sandbox, &["add", "--path", "../g.wasm"], swap, b"y\n");
    assert!(code == Some(74) && said.contains("sesame.toml was changed"), "{code:?}: {said}");
    assert_eq!(sandbox.read("sesame.toml"), again);
}

#[test]
fn a_revocation_takes_items_or_the_whole_wherever_they_are_written() {
    let sandbox = synced();
    sandbox.write("notes/x", "");
    sandbox.write("other/x", "");
    sandbox.ok(&["grant", "g", "--yes", "secret-read=pin,token", "fs-read=notes,~/project/other", "env=LANG"]);
    assert_eq!(granted(&sandbox, "g").len(), 4);
    let report = sandbox.ok(&["--json", "revoke", "g", "secret-read=pin", "fs-read=other", "env", "-y"]).stdout;
    let document: Value = serde_json::from_str(&report).unwrap();
    assert!(validator("output.json").is_valid(&document), "{report}");
    assert_eq!(document["data"]["grants_removed"], serde_json::json!(["env=LANG"]));
    assert_eq!(document["data"]["grants_changed"][1]["to"], "secret-read=token");
    assert_eq!(granted(&sandbox, "g"), ["config-read", "fs-read=~/project/notes", "secret-read=token"]);
    for (arguments, status, texts) in [
        (&["g", "env"][..], 66, &["`g` is not granted `env`", "it is granted config-read, fs-read="][..]),
        (&["g", "secret-read=pni"], 66, &["`g` is not granted `secret-read` for pni"]),
        (&["g", "config-read=ui"], 2, &["as a whole", "`sesame grant g config-read=ITEM,ITEM` narrows it"]),
        (&["h", "config-read"], 66, &["there is no extension `h` in sesame.toml"]),
        (&["g", "notification=x"], 2, &["granted as a whole; write it without `=`"]),
    ] {
        sandbox.run(&[&["revoke", "--yes"], arguments].concat()).fails(status, texts);
    }
    // A folder may be written in several ways, and an item may be granted by another one, too.
    let entry = "g = { path = \"g.wasm\", capabilities = { config-read = [\"ui\", \"ui.theme\"], fs-read = [\"../project/other\", \"notes\"] } }";
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}\n"));
    let run = sandbox.run(&["revoke", "g", "config-read=ui.theme", "--yes"]);
    run.fails(2, &["ui.theme", "`sesame revoke g config-read=ui` revokes that"]);
    assert!(sandbox.read("sesame.toml").contains(entry));
    sandbox.ok(&["revoke", "g", "fs-read=other", "--yes"]);
    assert!(sandbox.read("sesame.toml").contains("fs-read = [\"notes\"]"), "{}", sandbox.read("sesame.toml"));
    // In a file of its own, with the comments that are not about it.
    sandbox.write("hello.wasm", component("hello"));
    sandbox.ok(&["extension", "install", "--from-file", "hello.wasm", "--grant", "env=A,B", "--grant", "notification"]);
    sandbox.ok(&["revoke", "hello", "env=A", "notification", "--yes"]).fails(0, &["wrote extensions/hello.toml"]);
    let drop_in = sandbox.read("extensions/hello.toml");
    assert!(drop_in.contains("env = [\"B\"]  # sees") && !drop_in.contains("notification"), "{drop_in}");
    assert!(drop_in.contains("# Everything that is not granted is denied."), "{drop_in}");
}

#[test]
fn a_revocation_names_the_other_profiles_in_which_the_grant_is_still_active() {
    let sandbox = synced();
    sandbox.ok(&["grant", "g", "--yes", "env=A,B", "secret-read"]);
    sandbox.ok(&["sync", "--profile", "second"]);
    let warning = |run: crate::support::sandbox::Run| {
        let warnings = run.stderr.lines().filter(|line| line.contains("still granted")).map(str::to_owned);
        warnings.collect::<Vec<_>>()
    };
    let said = |grants: &str| {
        format!(
            "warning: `g` is still granted {grants} in profile `second`; `sesame sync --profile second` changes that"
        )
    };
    assert_eq!(warning(sandbox.ok(&["revoke", "g", "env=A", "--yes"])), [said("env=A")]);
    // So is what a narrower grant takes, and what stays although the sync after it is refused.
    assert_eq!(warning(sandbox.ok(&["grant", "g", "secret-read=pin", "--yes"])), [said("env=A, secret-read")]);
    let refused = sandbox.run(&["revoke", "g", "config-read", "--yes"]);
    assert_eq!(refused.status, 77);
    assert_eq!(warning(refused), [said("config-read, env=A, secret-read")]);
    sandbox.ok(&["grant", "g", "config-read", "--yes"]);
    sandbox.ok(&["sync", "--profile", "second"]);
    // An addition takes nothing, and neither does what `second` never had.
    assert!(warning(sandbox.ok(&["grant", "g", "env=C", "--yes"])).is_empty());
    assert!(warning(sandbox.ok(&["revoke", "g", "env=C", "--yes"])).is_empty());
}

/// A held set with these grants, beside a manifest with others.
fn held(active: &str, declared: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for folder in ["notes", "other"] {
        sandbox.write(&format!("{folder}/x"), "");
    }
    sandbox.write("g.wasm", component("g"));
    sandbox.write("other.wasm", component("other"));
    for grants in [active, declared] {
        let entries =
            format!("g = {{ path = \"g.wasm\", capabilities = {{ {grants} }} }}\no = {{ path = \"other.wasm\" }}\n");
        sandbox.write("sesame.toml", format!("[extensions]\n{entries}"));
        sandbox.ok(&["sync"]);
    }
    sandbox.ok(&["rollback", "--hold", "1"]);
    assert!(sandbox.read("../data/pds/profiles/default/current").starts_with("1 held"));
    sandbox
}

#[test]
fn a_revocation_takes_from_a_held_set_all_that_is_named() {
    let (lists, notes) = ("env = [\"A\", \"B\", \"C\"]", "fs-read = [\"notes\"]");
    for (active, declared, named, left) in [
        // What both have, what one of them has, and in one command.
        (lists, "env = [\"A\"]", &["env=A,B"][..], &["env=C"][..]),
        (lists, "env = [\"A\"]", &["env=B"], &["env=A,C"]),
        (lists, "", &["env=A", "env=B"], &["env=C"]),
        (lists, "env = [\"A\"]", &["env"], &[]),
        // What grants a part of what is revoked, or more than that, goes whole.
        (
            "config-read = [\"ui\", \"net\"]",
            "config-read = [\"ui.theme\"]",
            &["config-read=ui.theme"],
            &["config-read=net"],
        ),
        ("secret-read = true", "secret-read = [\"a\", \"b\"]", &["secret-read=a"], &["secret-read=b"]),
        (notes, "", &["fs-read=notes"], &[]),
        (notes, "", &["fs-read=~/project/notes"], &[]),
        (notes, "fs-read = [\"notes\", \"other\"]", &["fs-read=other"], &["fs-read=notes"]),
    ] {
        let sandbox = held(active, declared);
        let case = format!("{active}; {declared}; {named:?}");
        let run = sandbox.run(&[&["revoke", "g", "--yes"], named].concat());
        assert_eq!(run.status, 0, "{case}: {}", run.stderr);
        assert_eq!(granted(&sandbox, "g"), left, "{case}");
        assert!(run.stderr.contains("held: 2 extensions are live"), "{case}: {}", run.stderr);
    }
    let sandbox = held(lists, "env = [\"A\"]");
    sandbox.run(&["revoke", "g", "env=TYPO", "--yes"]).fails(66, &["`g` is not granted `env` for TYPO"]);
    let (_, said) = at_a_terminal(&sandbox, &["revoke", "g", "env=B"], || {}, b"n\n");
    assert!(said.contains("~ env=A,B,C → env=A,C") && said.contains("remove this from the held set? [y/N]"), "{said}");
    let run = sandbox.ok(&["revoke", "g", "env=B", "--yes"]);
    assert!(!run.stderr.contains("nothing to change"), "{}", run.stderr);
}

#[test]
fn a_held_set_shrinks_whatever_the_project_is_like() {
    // A narrower grant leaves what both grant.
    let sandbox = held("config-read = [\"ui.theme\", \"net\"]", "config-read = true");
    sandbox.ok(&["grant", "g", "config-read=ui", "--yes"]);
    assert_eq!(granted(&sandbox, "g"), ["config-read=ui.theme"]);
    // A component that is gone, and a lock that cannot be read.
    let sandbox = held("env = [\"A\", \"B\"]", "env = [\"A\", \"B\"]");
    fs::remove_file(sandbox.path("project/other.wasm")).unwrap();
    sandbox.run(&["revoke", "g", "env=A", "--yes"]).fails(65, &["changed the grants of g", "other.wasm", "narrowed"]);
    assert_eq!(granted(&sandbox, "g"), ["env=B"]);
    sandbox.write("sesame.lock", "version = ");
    sandbox
        .run(&["revoke", "g", "env=B", "--yes"])
        .fails(65, &["changed the grants of g", "sesame.lock:1:", "narrowed"]);
    assert_eq!(granted(&sandbox, "g"), Vec::<String>::new());
    sandbox.run(&["remove", "g"]).fails(65, &["removed g", "narrowed"]);
    assert_eq!(sandbox.ok(&["list"]).stdout.lines().count(), 2);
    // What is held during the question is what shrinks.
    let sandbox = synced();
    let hold = || drop(sandbox.ok(&["rollback", "--hold"]));
    sandbox.ok(&["grant", "g", "env=A", "--yes"]);
    let (code, said) = at_a_terminal(&sandbox, &["revoke", "g", "config-read"], hold, b"y\n");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(granted(&sandbox, "g"), Vec::<String>::new());
}

#[test]
fn what_may_be_written_may_still_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write("notes of mine/x", "");
    sandbox.write("g.wasm", component("g"));
    let grants = "fs-read = [\"notes of mine\"], fs-write = [\"notes of mine\"]";
    sandbox.write("sesame.toml", format!("[extensions]\ng = {{ path = \"g.wasm\", capabilities = {{ {grants} }} }}\n"));
    sandbox.ok(&["sync"]);
    for named in ["fs-read", "fs-read=notes of mine"] {
        let run = sandbox.run(&["revoke", "g", named, "--yes"]);
        let folder = sandbox.path("project/notes of mine").display().to_string();
        run.fails(2, &[&format!("`sesame revoke g 'fs-write={folder}'` revokes that")]);
    }
    let both = ["fs-read=notes of mine", &format!("fs-write={}", sandbox.path("project/notes of mine").display())];
    sandbox.ok(&[&["revoke", "g", "--yes"][..], &both].concat());
    assert_eq!(granted(&sandbox, "g"), Vec::<String>::new());
}

#[test]
fn a_grant_that_is_written_already_becomes_active() {
    let sandbox = synced();
    sandbox.ok(&["grant", "g", "env=A", "--yes", "--no-sync"]);
    assert_eq!(granted(&sandbox, "g"), ["config-read"]);
    sandbox.ok(&["grant", "g", "env=A"]).fails(0, &["nothing to change", "done: 1 extension is live"]);
    assert_eq!(granted(&sandbox, "g"), ["config-read", "env=A"]);
    sandbox.ok(&["rollback", "--hold", "1"]);
    sandbox.ok(&["grant", "g", "env=A"]).fails(0, &["nothing to change", "held: ", "`sesame rollback --release`"]);
}

#[test]
fn what_the_component_needs_can_be_revoked_and_granted_again() {
    let sandbox = synced();
    let (_, said) = at_a_terminal(&sandbox, &["revoke", "g", "config-read"], || {}, b"n\n");
    assert!(said.contains("imports config-read: without that it cannot be called"), "{said}");
    let run = sandbox.run(&["revoke", "g", "config-read", "--yes"]);
    run.fails(77, &["changed the grants of g: -config-read", "wrote sesame.toml", "`sesame grant g config-read`"]);
    assert!(!sandbox.read("sesame.toml").contains("config-read"));
    assert_eq!(granted(&sandbox, "g"), Vec::<String>::new());
    let document: Value =
        serde_json::from_str(&sandbox.run(&["--json", "revoke", "g", "config-read", "-y"]).stdout).unwrap();
    assert_eq!(document["error"]["exit"], 66);
    sandbox.ok(&["grant", "g", "config-read", "--yes"]).fails(0, &["done: 1 extension is live"]);
    assert_eq!(sandbox.ok(&["call", "g", "greet", "you"]).stdout, "Hello, you!\n");
    let document: Value =
        serde_json::from_str(&sandbox.run(&["--json", "revoke", "g", "config-read", "-y"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&document), "{document}");
    assert_eq!(document["error"]["grants"]["grants_removed"][0], "config-read");
}

#[test]
fn grants_that_are_needed_together_are_given_one_by_one() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", importing("a", &[CONFIG]));
    sandbox.write("b.wasm", importing("b", &[NOTIFY]));
    sandbox.write("sesame.toml", "[extensions]\na = { path = \"a.wasm\" }\nb = { path = \"b.wasm\" }\n");
    sandbox.run(&["sync"]).fails(77, &["run `sesame grant a config-read`", "run `sesame grant b notification`"]);
    sandbox.run(&["grant", "a", "config-read", "--yes"]).fails(77, &["changed the grants of a", "`b` needs what"]);
    assert!(sandbox.read("sesame.toml").contains("config-read"));
    sandbox.ok(&["grant", "b", "notification", "--yes"]).fails(0, &["2 extensions are live"]);
}

#[test]
fn a_grant_that_sync_refuses_is_taken_back() {
    let sandbox = synced();
    let before = sandbox.read("sesame.toml");
    sandbox.run(&["grant", "g", "fs-write=~", "--yes"]).fails(77, &["a folder that `g` is granted"]);
    assert_eq!(sandbox.read("sesame.toml"), before);
    let policy = sandbox.path("home/config/pds/policy.toml");
    fs::create_dir_all(policy.parent().unwrap()).unwrap();
    fs::write(&policy, "denied_capabilities = [\"secret-read\"]\n").unwrap();
    sandbox.run(&["grant", "g", "secret-read", "--yes"]).fails(77, &["`g` cannot have secret-read"]);
    assert_eq!(sandbox.read("sesame.toml"), before);
    // Whatever is wrong with a policy, a grant can be revoked.
    fs::write(&policy, "nonsense").unwrap();
    let run = sandbox.run(&["revoke", "g", "config-read", "--yes"]);
    assert!(run.status != 0 && run.stderr.contains("-config-read"), "{}", run.stderr);
    assert!(!sandbox.read("sesame.toml").contains("config-read"));
}

#[test]
fn at_a_terminal_each_capability_can_be_chosen_and_narrowed() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("../hello.wasm", guest("greeting-0.3.0"));
    let install = ["extension", "install", "--from-file", "../hello.wasm"];
    let (code, said) = at_a_terminal(&sandbox, &install, || {}, b"c\ny\n\n");
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("`hello` imports secret-read, so it cannot be activated without it"), "{said}");
    assert!(!sandbox.path("project/extensions").exists());
    // The input ends before the last question is answered.
    let (code, said) = at_a_terminal(&sandbox, &install, || {}, b"c\ny\n\x04");
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("grant secret-read (") && !sandbox.path("project/extensions").exists(), "{said}");
    let (code, said) = at_a_terminal(&sandbox, &install, || {}, b"c\nui, greeting\na,,b\ngreeting.signature\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("in `secret-read`, an item is empty"), "{said}");
    assert_eq!(granted(&sandbox, "hello"), ["config-read=greeting,ui", "secret-read=greeting.signature"]);
}

#[test]
fn what_something_else_was_granted_and_is_declined_is_revoked() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("../a/hello.wasm", importing("a", &[CONFIG]));
    sandbox.write("../b/hello.wasm", importing("b", &[CONFIG, NOTIFY]));
    let add = ["add", "--path", "../a/hello.wasm", "--grant", "config-read=a,b", "--grant", "env=LANG"];
    sandbox.ok(&add);
    let (code, said) = at_a_terminal(&sandbox, &["add", "--path", "../b/hello.wasm"], || {}, b"choose\nb\ny\nn\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("grant config-read=a,b (") && said.contains("grant env=LANG ("), "{said}");
    assert_eq!(granted(&sandbox, "hello"), ["config-read=b", "notification"]);
    // Items that the command grants take the place of those that something else had.
    sandbox.ok(&["add", "--path", "../a/hello.wasm", "--grant", "config-read=c", "--grant", "notification"]);
    assert_eq!(granted(&sandbox, "hello"), ["config-read=c", "notification"]);
}
