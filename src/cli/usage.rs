//! What is wrong with a command line, made from the parts that clap reports. On a terminal clap prints its own text.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use sesame::model::fault::line;

use super::render::failure::CommandError;

/// The error of a command line, for its JSON document.
pub fn usage_error(error: &clap::Error) -> CommandError {
    CommandError::Usage { message: message(error), suggestions: suggestions(error) }
}

fn message(error: &clap::Error) -> String {
    let one = |kind| parts(error, kind).join(" ");
    let argument = one(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = one(ContextKind::InvalidValue);
            if value.is_empty() {
                return format!("a value is required for '{argument}' but none was supplied");
            }
            let why = error.source().map(|why| format!(": {}", line(why))).unwrap_or_default();
            format!("invalid value '{value}' for '{argument}'{why}")
        }
        ErrorKind::UnknownArgument => format!("unexpected argument '{argument}' found"),
        ErrorKind::InvalidSubcommand => format!("unrecognized subcommand '{}'", one(ContextKind::InvalidSubcommand)),
        ErrorKind::ArgumentConflict => match one(ContextKind::PriorArg) {
            prior if prior == argument || prior.is_empty() => {
                format!("the argument '{argument}' cannot be used multiple times")
            }
            prior => format!("the argument '{argument}' cannot be used with '{prior}'"),
        },
        ErrorKind::MissingRequiredArgument => {
            format!("the following required arguments were not provided: {argument}")
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a subcommand is required but one was not provided".to_owned()
        }
        ErrorKind::TooManyValues => {
            format!(
                "unexpected value '{}' for '{argument}' found; no more were expected",
                one(ContextKind::InvalidValue)
            )
        }
        kind => kind.as_str().unwrap_or("the command line cannot be followed").to_owned(),
    }
}

/// What was most likely meant, or what is allowed.
fn suggestions(error: &clap::Error) -> Vec<String> {
    let kinds = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
        ContextKind::ValidValue,
        ContextKind::ValidSubcommand,
    ];
    kinds.into_iter().map(|kind| parts(error, kind)).find(|found| !found.is_empty()).unwrap_or_default()
}

fn parts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
