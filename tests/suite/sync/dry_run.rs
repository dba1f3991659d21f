//! `--check`, `--dry-run` and `diff`: they answer, and write nothing.

use std::fs;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

#[test]
fn they_tell_what_is_to_do_and_leave_the_store_alone() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    let b = registry.push("org/b", "1", &Artifact::wkg(&importing("b", &["open-sesame:host/config-read@0.1.0"])));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.sync(Some(&registry), &[]);
    for arguments in [&["sync", "--check"][..], &["sync", "--dry-run"], &["diff"], &["lock", "--check"]] {
        registry.take_log();
        assert_eq!(sandbox.run(arguments).status, 0, "{arguments:?}");
        assert_eq!(registry.take_log(), Vec::<String>::new());
    }
    let text = sandbox.read("sesame.toml");
    sandbox.write("sesame.toml", format!("{text}b = {{ oci = \"{b}\", capabilities.config-read = true }}\n"));
    let before = (sandbox.trace(&sandbox.path("home")), sandbox.trace(&sandbox.path("project")));
    let rows: [(&[&str], i32); 4] =
        [(&["sync", "--check"], 1), (&["sync", "--dry-run"], 0), (&["diff"], 1), (&["lock", "--check"], 1)];
    for (arguments, status) in rows {
        let run = sandbox.run(arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}", run.stderr);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("+ b") && said.contains("capabilities: +config-read"), "{arguments:?}: {said}");
        if arguments != ["lock", "--check"] {
            for line in ["fetch    b", "verify   b", "compile  b", "activate generation 2"] {
                assert!(run.stdout.contains(line), "{arguments:?} has no `{line}`: {}", run.stdout);
            }
            assert!(run.stdout.contains("+name = \"b\""), "{}", run.stdout);
        }
        let after = (sandbox.trace(&sandbox.path("home")), sandbox.trace(&sandbox.path("project")));
        assert!(after == before, "{arguments:?} wrote");
    }
    assert_eq!(fs::read_dir(sandbox.path("tmp")).unwrap().count(), 0, "the temporary folder is empty again");
    sandbox
        .run(&["sync", "--locked"])
        .fails(65, &["sesame.lock is stale: `b` is not locked", "hint: run `sesame lock`"]);
    sandbox.sync(Some(&registry), &[]);
}

#[test]
fn a_check_on_an_empty_home_creates_nothing() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    for arguments in [&["sync", "--check"][..], &["diff"], &["lock", "--check"]] {
        assert_eq!(sandbox.run(arguments).status, 1);
        let created = ["data", "cache", "state", "config"].map(|folder| sandbox.path("home").join(folder).exists());
        assert_eq!(created, [false; 4], "{arguments:?}");
    }
    sandbox.run(&["sync", "--locked"]).fails(65, &["there is no sesame.lock"]);
    sandbox.run(&["sync", "--frozen"]).fails(65, &["there is no sesame.lock"]);
}

#[test]
fn the_plan_that_is_shown_is_the_plan_that_is_run() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.ok(&["lock"]);
    sandbox.empty_home();
    let steps = |run: &str| -> Vec<(String, String)> {
        let document: serde_json::Value = serde_json::from_str(run).unwrap();
        let steps = document["data"]["steps"].as_array().unwrap().clone();
        steps.iter().map(|step| (step["action"].to_string(), step["digest"].to_string())).collect()
    };
    let planned = sandbox.ok(&["sync", "--dry-run", "--json"]).stdout;
    let done = sandbox.ok(&["sync", "--json"]).stdout;
    assert_eq!(steps(&planned), steps(&done));
    assert!(steps(&done).len() == 6 && done.contains("\"done\""), "{done}");
}
