//! Asks a person what an extension is granted: all that it asks for, or each capability by itself, as a whole or for items.

use crate::cli::render::consent::{capability_question, needed, question, range_question};
use crate::cli::render::style::Style;
use sesame::model::capability::grant::Grant;
use sesame::model::capability::{Capability, Grants, Scope};
use sesame::ops::context::Interrupt;
use sesame::ops::edit::consent::{Consent, ConsentRequest};

use super::environment::Environment;
use super::output::{Output, Verbosity};
use super::prompt::{confirm, line};

/// What a person agrees to, if there is a terminal to ask at.
pub fn ask_for_grants(
    request: &ConsentRequest<'_>,
    environment: &Environment,
    output: &Output,
    interrupt: &Interrupt,
) -> Consent<Grants> {
    if !output.is_interactive() {
        return Consent::NoPrompt;
    }
    output.say(Verbosity::Quiet, &question(request));
    let asked = request.asked();
    match line(output, interrupt).unwrap_or_default().trim().to_lowercase().as_str() {
        _ if interrupt.is_set() => Consent::Interrupted,
        "y" | "yes" => Consent::Granted(asked),
        "c" | "choose" if !asked.is_empty() => choose(request, environment, output, interrupt),
        _ => Consent::Refused,
    }
}

/// A yes or no to a question, if there is a terminal to ask at. `yes` is the answer that was given on the command line.
pub fn ask(question: &str, yes: bool, output: &Output, interrupt: &Interrupt) -> Consent {
    match (yes, output.is_interactive()) {
        (true, _) => Consent::Granted(()),
        (false, false) => Consent::NoPrompt,
        (false, true) => {
            output.say(Verbosity::Quiet, question);
            confirm(output, interrupt)
        }
    }
}

/// Goes through the capabilities one by one. Without one that the component needs, nothing is granted.
fn choose(
    request: &ConsentRequest<'_>,
    environment: &Environment,
    output: &Output,
    interrupt: &Interrupt,
) -> Consent<Grants> {
    let mut chosen = Grants::new();
    for (capability, proposed) in request.missing.iter().chain(request.inherited) {
        match choose_scope(*capability, proposed, environment, output, interrupt) {
            _ if interrupt.is_set() => return Consent::Interrupted,
            Choice::NoAnswer => return Consent::Refused,
            Choice::Granted(scope) => drop(chosen.insert(*capability, scope)),
            Choice::Declined if request.missing.contains_key(capability) => {
                output.say(Verbosity::Quiet, &needed(request.name, *capability));
                return Consent::Refused;
            }
            Choice::Declined => {}
        }
    }
    let Some(range) = request.lost_range else { return Consent::Granted(chosen) };
    output.say(Verbosity::Quiet, &range_question(range));
    match confirm(output, interrupt) {
        Consent::Granted(()) => Consent::Granted(chosen),
        Consent::Interrupted => Consent::Interrupted,
        Consent::Refused | Consent::NoPrompt => Consent::Refused,
    }
}

/// What is chosen of one capability.
enum Choice {
    Granted(Scope),
    Declined,
    /// The input ended.
    NoAnswer,
}

fn choose_scope(
    capability: Capability,
    proposed: &Scope,
    environment: &Environment,
    output: &Output,
    interrupt: &Interrupt,
) -> Choice {
    loop {
        output.say(Verbosity::Quiet, &capability_question(capability, proposed));
        let Some(answer) = line(output, interrupt) else { return Choice::NoAnswer };
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" | "all" => return Choice::Granted(proposed.clone()),
            "" | "n" | "no" | "none" => return Choice::Declined,
            _ => {}
        }
        match format!("{capability}={answer}").parse::<Grant>() {
            Ok(grant) => return Choice::Granted(environment.absolute(&grant).scope),
            Err(error) => output.say(Verbosity::Quiet, &format!("{}{error}\n", Style::error("error: "))),
        }
    }
}
