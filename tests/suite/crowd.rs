//! Many processes on one store at a time: none fails, and nothing that is live is removed.

use std::process::{Child, Stdio};

use crate::support::artifact::Artifact;
use crate::support::guest;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// What the greeting of a release gives for a blank name.
const GREETINGS: [&str; 2] = ["Hello,  !\n", "Hello, World!\n"];

/// In each round eight syncs, three gcs and four calls at once, while the manifest goes from one release to the other and
/// generations come and go.
fn crowd(rounds: usize) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let references = ["0.1.0", "0.2.0"].map(|release| {
        registry.push("my-org/greeting", release, &Artifact::wkg(&guest(&format!("greeting-{release}"))))
    });
    let registries = format!("[registries.\"{}\"]\nplain-http = true\n", registry.host());
    let want = |round: usize| {
        let reference = &references[round % 2];
        let greeting = format!("greeting = {{ oci = \"{reference}\", capabilities.config-read = true }}\n");
        sandbox.write("sesame.toml", format!("[extensions]\n{greeting}\n{registries}"));
    };
    want(0);
    sandbox.ok(&["sync"]);
    for round in 1..=rounds {
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
            if command.len() > 1 {
                let greeting = String::from_utf8(output.stdout).unwrap();
                assert!(GREETINGS.contains(&greeting.as_str()), "round {round}: {greeting}");
            }
        }
        let now = sandbox.ok(&["extension", "call", "greeting", "greet", " "]).stdout;
        assert_eq!(now, GREETINGS[round % 2], "round {round}");
    }
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
