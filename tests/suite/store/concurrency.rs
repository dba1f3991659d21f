//! Many processes on one store at a time: none fails, and nothing that is live is removed.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::artifact::component;
use crate::support::greeting::{FIRST, RELEASES, SECOND, greets, want};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// In each round eight syncs, three gcs and four calls at once, while the manifest goes from one release to the other, beside
/// an extension that is new each time. What was live before was deleted, so there is something to remove.
fn crowd(rounds: usize) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let want = |round: usize| {
        sandbox.write("other.wasm", component(&round.to_string()));
        want(&sandbox, &registry, RELEASES[round % 2], "other = { path = \"other.wasm\" }\n");
    };
    want(0);
    sandbox.ok(&["sync"]);
    let mut removed = 0;
    for round in 1..=rounds {
        let listed: Value = serde_json::from_str(&sandbox.ok(&["generations", "--json"]).stdout).unwrap();
        for generation in listed["data"]["generations"].as_array().unwrap() {
            if generation["active"] == false {
                sandbox.ok(&["generations", "delete", &generation["number"].to_string()]);
            }
        }
        want(round);
        let commands = [(8, &["sync"][..]), (3, &["gc"]), (4, &["extension", "call", "greeting", "greet", " "])];
        let start = |arguments: &[&str]| -> Child {
            sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<(&[&str], Child)> =
            commands.iter().flat_map(|(number, command)| (0..*number).map(|_| (*command, start(command)))).collect();
        for (command, child) in running {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "round {round}: {command:?}: {said}");
            removed += usize::from(said.contains("removed "));
            if command.len() > 1 {
                let greeting = String::from_utf8(output.stdout).unwrap();
                assert!([FIRST, SECOND].contains(&greeting.as_str()), "round {round}: {greeting}");
            }
        }
        assert_eq!(greets(&sandbox), [FIRST, SECOND][round % 2], "round {round}");
        assert_eq!(sandbox.ok(&["extension", "call", "other", "run"]).stdout, "7\n", "round {round}");
    }
    assert!(removed * 2 > rounds, "gc had something to remove in {removed} of {rounds} rounds");
    assert_eq!(sandbox.run(&["verify"]).status, 0);
}

#[test]
fn a_crowd_on_one_store_does_no_harm() {
    crowd(5);
}

#[test]
#[ignore = "takes long; .ci/full runs it"]
fn a_crowd_on_one_store_does_no_harm_in_many_rounds() {
    crowd(500);
}
