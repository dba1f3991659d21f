//! The picture of the README: what a terminal shows when the commands below are typed. It is compared with the committed one, times
//! aside; `UPDATE_FIXTURES=1` makes it again.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::sandbox::{Run, Sandbox};
use crate::support::{expect_text, fixture, timeless};

/// The terminal's size.
const COLUMNS: &str = "92";
const LINES: &str = "44";

/// What is typed.
const TYPED: [&str; 7] = [
    "cat sesame.toml",
    "sesame sync",
    "sesame call greeting greet World",
    "sesame outdated",
    "sesame upgrade",
    "sesame rollback",
    "sesame generations",
];

/// A terminal that nobody sees.
struct Terminal<'a>(&'a Sandbox);

impl Terminal<'_> {
    fn tmux(&self, arguments: &[&str]) -> Run {
        let socket = self.0.path("tmux").display().to_string();
        let plain = self.0.command(&[]);
        let mut command = Command::new("tmux");
        command
            .args(["-S", &socket, "-f", "/dev/null"])
            .args(arguments)
            .current_dir(self.0.path("project"))
            .env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_sesame")).parent().unwrap();
        command.env("PATH", format!("{}:/usr/bin:/bin", program.display())).env("LANG", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        Run::of(&mut command)
    }

    /// The screen, with its colours, once it shows this many prompts.
    fn screen(&self, prompts: usize) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.tmux(&["capture-pane", "-e", "-p"]).stdout;
            let plain = anstream::adapter::strip_str(&screen).to_string();
            if plain.trim_end().ends_with('$') && plain.lines().filter(|line| line.starts_with('$')).count() == prompts
            {
                return screen;
            }
            assert!(Instant::now() < end, "the terminal shows:\n{plain}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
#[ignore = "needs tmux; .ci/run installs it and runs this"]
fn the_picture_is_what_a_terminal_shows() {
    let sandbox = Sandbox::new();
    let push = |version: &str, guest: &str| {
        let file = fixture(&format!("guests/built/{guest}.wasm")).display().to_string();
        sandbox.ok(&["extension", "push", &file, &format!("oci-layout:registry:ghcr.io/my-org/greeting:{version}")]);
    };
    push("1.0.0", "greeting-0.1.0");
    sandbox.write(
        "sesame.toml",
        "[extensions.greeting]\noci = \"ghcr.io/my-org/greeting\"\nversion = \"^1\"\ncapabilities = { config-read = true }\n\n\
         [registries.\"ghcr.io/my-org\"]\nmirrors = [\"oci-layout:registry\"]\nmirrors-only = true\n",
    );
    sandbox.write("../bashrc", "PS1='$ '\n");
    let terminal = Terminal(&sandbox);
    let started =
        terminal.tmux(&["new-session", "-d", "-x", COLUMNS, "-y", LINES, "bash --noprofile --rcfile ../bashrc -i"]);
    assert_eq!(started.status, 0, "{}", started.stderr);
    terminal.screen(1);
    let mut screen = String::new();
    for (number, typed) in TYPED.into_iter().enumerate() {
        if typed == "sesame outdated" {
            push("1.1.0", "greeting-0.2.0");
        }
        terminal.tmux(&["send-keys", "-l", typed]);
        terminal.tmux(&["send-keys", "Enter"]);
        screen = terminal.screen(number + 2);
    }
    let shown = timeless(screen.trim_end().trim_end_matches('$').trim_end());
    let picture = anstyle_svg::Term::new().min_width_px(780).render_svg(&format!("{shown}\n"));
    expect_text(&fixture("picture.svg"), &picture);
}
