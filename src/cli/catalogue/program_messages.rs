//! Errors of the program itself.

use std::io::{Error, ErrorKind};

use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::EnvironmentError;

use super::Catalogue;
use super::verb_messages::no_lock;

pub(super) fn render(catalogue: &mut Catalogue) {
    let gone = || Error::from(ErrorKind::NotFound);
    let usage = |suggestions: &[&str]| CommandError::Usage {
        message: "invalid value 'red' for '--color <WHEN>'".into(),
        suggestions: suggestions.iter().map(|&text| text.into()).collect(),
    };
    catalogue.source(EnvironmentError::CurrentFolder(gone()));
    catalogue.source(EnvironmentError::NoHome);
    for error in [
        CommandError::Verb(no_lock().into()),
        EnvironmentError::CurrentFolder(gone()).into(),
        EnvironmentError::NoHome.into(),
        CommandError::NoTarget("clock.wasm".into()),
        usage(&[]),
        usage(&["auto"]),
        usage(&["auto", "always", "never"]),
        CommandError::NoTopic { name: "manifests".into(), closest: Some("manifest".into()) },
        CommandError::NoTopic { name: "zebra".into(), closest: None },
        CommandError::GrantToActive,
        CommandError::VersionOfTag,
        CommandError::UnknownShell,
        CommandError::NoGraphFormat("graph.png".into()),
        CommandError::NobodyToAsk,
        CommandError::NoLogin,
        CommandError::Worker(Error::from(ErrorKind::BrokenPipe)),
        CommandError::Input(Error::from(ErrorKind::InvalidData)),
    ] {
        catalogue.command(error);
    }
}
