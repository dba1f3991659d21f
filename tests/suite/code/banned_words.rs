//! Words that stand in some folders only, so that what they do stays there.

use super::{code, sources, top};

/// Words, the top folders or files that may have them, and why.
const ONLY_IN: [(&str, &[&str], &str); 25] = [
    ("oci_client", &["registry"], "the network is the registry's"),
    ("reqwest", &["registry"], "the network is the registry's"),
    ("rustls", &["registry"], "the network is the registry's"),
    ("docker_credential", &["registry"], "credentials are the registry's"),
    ("std::env", &["cli"], "the library reads no environment"),
    ("println!", &[], "output goes through cli/terminal/output.rs"),
    ("zbus", &["daemon", "cli/catalogue"], "the session bus is the host's"),
    ("arboard", &["daemon/backends/clipboard_process.rs"], "displays are for a process of its own"),
    ("std::process", &["cli", "main.rs", "compiler", "registry", "daemon"], "the library never ends the process"),
    ("process::exit", &["cli", "main.rs"], "the library never ends the process"),
    ("process::abort", &[], "the library never ends the process"),
    (
        "process::Command",
        &["compiler", "registry", "daemon/backends/clipboard", "cli/commands/host/clipboard.rs"],
        "only the compiling worker, the process of the clipboard and the credential helpers of docker are run",
    ),
    ("tar::", &["registry", "ops"], "archives are bundles"),
    (
        "libc::",
        &["compiler", "daemon/hardening.rs", "seccomp.rs", "ops/error"],
        "the compiling worker and the host are confined; hints know errors by their number",
    ),
    ("seccompiler", &["seccomp.rs"], "filters are made in one file"),
    ("unsafe {", &["host/load.rs"], "code is mapped and run in one file, argued"),
    ("unsafe fn", &[], "each `unsafe` is argued where it stands"),
    (
        "SystemTime::now",
        &["clock.rs", "store/write", "store/logs.rs", "registry/http/failure.rs"],
        "the time is `clock.rs`'s to tell",
    ),
    ("SystemTime", &["clock.rs", "store", "ops", "registry"], "the model has no clock"),
    ("std::thread", &["store", "host", "compiler", "cli", "daemon"], "the model starts no threads"),
    (
        "std::io",
        &["store", "compiler", "ops", "registry", "cli", "host", "daemon", "named_files.rs", "seccomp.rs"],
        "the model does no I/O",
    ),
    ("wasmtime::", &["engine", "host", "compiler", "ops", "cli"], "wasmtime stays with the engine and the host"),
    (
        "tokio",
        &["registry", "compiler", "ops", "host", "daemon"],
        "async stays with the network, apply and running guests",
    ),
    ("rayon::", &["engine", "host", "ops"], "tokio and rayon meet in ops; code is hashed on all cores"),
    (
        "std::fs",
        &["store", "ops", "named_files.rs", "registry/layout", "daemon/serving/watch.rs"],
        "I/O stays where it is expected",
    ),
];

#[test]
fn what_belongs_to_a_folder_stays_there() {
    for (file, text) in sources() {
        let code = code(&file, &text);
        for (word, folders, why) in ONLY_IN {
            let may = folders
                .iter()
                .any(|folder| top(&file) == *folder || file == *folder || file.starts_with(&format!("{folder}/")));
            assert!(may || !code.contains(word), "{file} has {word}: {why}");
        }
    }
}

#[test]
fn all_writes_are_in_one_folder() {
    let writes = [
        "fs::write",
        "File::create",
        "tempfile::",
        "DirBuilder",
        "fs::rename",
        "create_dir",
        "remove_file",
        "set_permissions",
        ".write(true)",
    ];
    for (file, text) in sources().into_iter().filter(|(file, _)| !file.starts_with("store/write/")) {
        for word in writes {
            assert!(!code(&file, &text).contains(word), "{file} has {word}");
        }
    }
}

/// `{:?}` writes a value as Rust has it. What is written so here is the protocol of an answer, whose form is HTTP's own, and
/// what is only hashed.
#[test]
fn no_message_shows_what_only_programmers_read() {
    let meant = ["registry/http/endpoint.rs", "registry/source/probe.rs", "ops/sync/noop_check.rs"];
    for (file, text) in sources().into_iter().filter(|(file, _)| !meant.contains(&file.as_str())) {
        let found: Vec<String> =
            code(&file, &text).lines().filter(|line| line.contains(":?}")).map(str::to_owned).collect();
        assert!(found.is_empty(), "{file}: {found:?}");
    }
}
