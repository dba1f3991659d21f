//! Reports about registries as words for people. Everything that others wrote is escaped here.

use crate::cli::render::lock_changes::Style;
use sesame::model::report::registry::{Access, Credentials, LoginReport, LogoutReport, PushReport, RegistryReport};
use sesame::model::text::{escape, size};

pub fn push(report: &PushReport) -> String {
    let verb = if report.unchanged { Style::good("there already") } else { Style::good("pushed") };
    let place = report.layout.as_ref().map(|folder| format!(" into {}", escape(folder))).unwrap_or_default();
    format!("{verb} {}{place}  {}\n", escape(&report.reference), size(report.size))
}

pub fn login(report: &LoginReport) -> String {
    let host = escape(&report.host);
    let place = escape(&report.place);
    let mut text = match report.verified {
        true => format!("{} to {host}; kept in {place}\n", Style::good("logged in")),
        false => format!(
            "{} {place}; {host} lets in anybody, so they were not tried\n",
            Style::good("kept the credentials in")
        ),
    };
    if let Some(other) = &report.hidden_by {
        let words = format!("{} has others for {host}, and goes first", escape(other));
        text.push_str(&format!("{}{words}\n", Style::warning("warning: ")));
    }
    text
}

pub fn logout(report: &LogoutReport) -> String {
    let host = escape(&report.host);
    let mut text = match &report.place {
        Some(place) => format!("{} of {host}; removed from {}\n", Style::good("logged out"), escape(place)),
        None => format!("docker's file has no credentials for {host}\n"),
    };
    if let Some(other) = &report.left {
        let words = format!("{} still has credentials for {host}", escape(other));
        text.push_str(&format!("{}{words}\n", Style::warning("warning: ")));
    }
    text
}

/// How a registry was found to be.
pub fn check(report: &RegistryReport) -> String {
    let credentials = match &report.credentials {
        Credentials::Found { place } => format!("found in {}", escape(place)),
        Credentials::None => "none found".to_owned(),
        Credentials::Withheld { setting } => format!("none sent, because the project sets `{setting}`"),
    };
    let access = match report.access {
        Access::Open => format!("{}, anybody is", Style::good("let in")),
        Access::Anonymous => format!("{}, without credentials", Style::good("let in")),
        Access::In => format!("{}, with these credentials", Style::good("let in")),
        Access::Refused => Style::error("not let in"),
    };
    let wants = report.wants.as_ref().map_or("nothing".into(), |wants| escape(wants));
    let mut rows = vec![
        ("registry", escape(&report.registry).into_owned()),
        ("reached", format!("{} over {}", escape(&report.address), escape(&report.protocol))),
        ("wants", wants.into_owned()),
        ("credentials", credentials),
        ("access", access),
    ];
    if let Some(fault) = &report.fault {
        rows.push(("reason", escape(&fault.message).into_owned()));
        rows.extend(fault.hint.as_ref().map(|hint| ("hint", escape(hint).into_owned())));
    }
    rows.into_iter().map(|(name, value)| format!("{name:<13}{value}\n")).collect()
}
