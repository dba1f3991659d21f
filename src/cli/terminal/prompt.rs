//! Asks the person for a line, or for one that nobody else should see.

use std::io::BufRead as _;
use std::sync::mpsc;
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use sesame::ops::context::Interrupt;
use sesame::ops::edit::consent::Consent;

use super::output::{Output, Verbosity};

/// A line from the terminal, without its end; none at its end or on an interrupt.
pub fn line(output: &Output, interrupt: &Interrupt) -> Option<String> {
    line_while(output, interrupt, || {})
}

/// Whether the person agrees. Anything but a yes is a no.
pub fn confirm(output: &Output, interrupt: &Interrupt) -> Consent {
    match line(output, interrupt).unwrap_or_default().trim().to_lowercase().as_str() {
        _ if interrupt.is_set() => Consent::Interrupted,
        "y" | "yes" => Consent::Granted(()),
        _ => Consent::Refused,
    }
}

fn line_while(output: &Output, interrupt: &Interrupt, meanwhile: impl Fn()) -> Option<String> {
    let (sender, answers) = mpsc::channel();
    // A read of a terminal goes on after a signal, so another thread does it and is left behind if need be.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        let _ = sender.send(read.is_ok_and(|length| length > 0).then_some(answer));
    });
    let answer = loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Err(mpsc::RecvTimeoutError::Timeout) if !interrupt.is_set() => meanwhile(),
            answer => break answer.ok().flatten(),
        }
    };
    if answer.is_none() {
        output.say(Verbosity::Quiet, "\n");
    }
    answer.map(|answer| answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// A line that is not shown as it is typed, not even by somebody who is quicker than the question.
pub fn hidden_line(output: &Output, interrupt: &Interrupt, question: &str) -> Option<String> {
    let silence = EchoGuard::begin();
    output.say(Verbosity::Quiet, question);
    // A shell that lets us go on after it has stopped us makes the terminal show everything again.
    let answer = line_while(output, interrupt, || silence.renew());
    if answer.is_some() {
        output.say(Verbosity::Quiet, "\n");
    }
    answer
}

/// While it lives, the terminal shows nothing of what is typed.
struct EchoGuard(Option<Termios>);

impl EchoGuard {
    fn begin() -> Self {
        let silence = Self(tcgetattr(std::io::stdin()).ok());
        silence.renew();
        silence
    }

    fn renew(&self) {
        if let Some(before) = &self.0 {
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &silent);
        }
    }
}

impl Drop for EchoGuard {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
