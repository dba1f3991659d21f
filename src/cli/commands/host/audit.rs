//! `sesame host audit …`.

use clap::Subcommand;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::{Data, HostData};
use crate::cli::render::style::Style;
use crate::cli::terminal::environment::Environment;
use sesame::daemon::error::DaemonError;
use sesame::model::audit::{AuditAction, AuditRecord, AuditedCall, SecretOutcome};
use sesame::model::report::host::{AuditFinding, AuditRecordsReport, AuditReport};
use sesame::model::text::{count, escape, time};
use sesame::store::audit_log::read_all;

#[derive(Debug, Clone, Subcommand)]
pub enum AuditSubcommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
    /// Show the records, the oldest first
    Show {
        /// Only the last records
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Check that no record was changed or removed; exits with 76 if one was
    Verify,
}

impl AuditSubcommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let last = match self {
            Self::Help { names } => return invocation.help_below("host audit", names),
            Self::Show { last } => Some(last.unwrap_or(usize::MAX)),
            Self::Verify => None,
        };
        let paths = Environment::read()?.paths;
        let (mut records, mut problems, mut lines) = (Vec::new(), Vec::new(), 0);
        for file in read_all(&paths).map_err(DaemonError::from)? {
            for (line, record) in file.lines {
                lines += 1;
                match record {
                    Ok(record) => records.push(record),
                    Err(problem) => {
                        let file = paths.audit_file(file.number).display().to_string();
                        problems.push(AuditFinding { file, line, problem });
                    }
                }
            }
        }
        if let Some(last) = last {
            let report = AuditRecordsReport { records: records.split_off(records.len().saturating_sub(last)) };
            invocation.print_answer(Data::Host(HostData::AuditRecords(&report)), || {
                report.records.iter().map(line).collect()
            });
            return Ok(CommandOutcome::Done);
        }
        let report = AuditReport { records: lines, problems };
        invocation.print_result(Data::Host(HostData::Audit(&report)), || words(&report));
        Ok(if report.problems.is_empty() { CommandOutcome::Done } else { CommandOutcome::Damaged })
    }
}

fn words(report: &AuditReport) -> String {
    if report.problems.is_empty() {
        return format!(
            "{} {}, each follows the one before\n",
            Style::good("verified:"),
            count(report.records, "record")
        );
    }
    let lines = report.problems.iter();
    lines.map(|found| format!("{}:{}: {}\n", escape(&found.file), found.line, found.problem)).collect()
}

/// A record in one line.
fn line(record: &AuditRecord) -> String {
    format!("{}  {}\n", time(record.timestamp_ms / 1000), escape(&action(&record.action)))
}

fn action(action: &AuditAction) -> String {
    let by = |call: &AuditedCall| format!("{} (call {})", call.extension, call.call);
    match action {
        AuditAction::ExtensionSecretRead { by: call, name, outcome } => {
            let outcome = match outcome {
                SecretOutcome::Given => "read the secret",
                SecretOutcome::NotFound => "asked for the secret, which does not exist:",
                SecretOutcome::Failed => "asked for the secret, which could not be read:",
            };
            format!("{} {outcome} {name}", by(call))
        }
        AuditAction::ExtensionSecretWritten { by: call, name } => format!("{} set the secret {name}", by(call)),
        AuditAction::ExtensionClipboardWritten { by: call, bytes } => {
            format!("{} wrote {bytes} bytes to the clipboard", by(call))
        }
        AuditAction::ExtensionCallRefused { extension, function, reason } => {
            format!("call of {extension} {function} refused: {reason}")
        }
        AuditAction::ExtensionStopped { by: call, function, reason } => {
            format!("{} was stopped in {function}: {reason}", by(call))
        }
        AuditAction::ExtensionsActivated { profile, generation, extensions } => {
            let names: Vec<&str> = extensions.iter().map(|extension| extension.name.as_str()).collect();
            format!("generation {generation} of profile {profile} is served: {}", names.join(", "))
        }
        AuditAction::SecretSet { name } => format!("you set the secret {name}"),
        AuditAction::SecretRemoved { name } => format!("you removed the secret {name}"),
        AuditAction::AuditTailMoved { file, bytes } => {
            format!("{bytes} bytes at the end of the log were no record, and were moved to {file}")
        }
    }
}
