//! Errors of the disk: files, folders, generations.

use std::io;

use sesame::model::fault::file_problem::FileProblem;
use sesame::model::file_kind::FileKind;
use sesame::model::plan::generation_problem::GenerationProblem;
use sesame::store::Error;

use super::{Catalogue, digest, home, no_space, profile};

const KINDS: [FileKind; 12] = [
    FileKind::CoreModule,
    FileKind::OtherWasm,
    FileKind::Elf,
    FileKind::Tar,
    FileKind::Gzip,
    FileKind::Zstd,
    FileKind::Zip,
    FileKind::Wat,
    FileKind::Text,
    FileKind::Empty,
    FileKind::Unknown,
    FileKind::Component,
];

pub(super) fn render(catalogue: &mut Catalogue) {
    let path = || home(".local/share/pds/blobs/sha256/ab");
    for number in [libc::ENOSPC, libc::EDQUOT, libc::EROFS, libc::EACCES, libc::ENOLCK, libc::EMFILE, libc::EIO] {
        catalogue.verb(Error::Io { action: "write", path: path(), source: io::Error::from_raw_os_error(number) });
    }
    for kind in KINDS {
        catalogue.verb(Error::NotAComponent { digest: digest(1), kind });
    }
    for error in [
        Error::Untrusted { path: path(), source: FileProblem::Link },
        Error::OwnedByOther { path: path(), owner: 1001, user: 1000 },
        Error::OwnedByOther { path: path(), owner: 1001, user: 0 },
        Error::WrongDigest { expected: digest(1), found: digest(2) },
        Error::WrongSize { digest: digest(1), expected: 70_000, found: 70_001 },
        Error::Damaged { path: path(), found: digest(2) },
        Error::NoBlob { digest: digest(1) },
        Error::UnknownActive { path: home(".local/share/pds/profiles/work/current"), source: unusable() },
        Error::BadGeneration { path: generation(), source: GenerationProblem::NotUtf8 },
        Error::BadGeneration { path: generation(), source: other_version() },
        Error::Interrupted { holder: "`sesame sync` (process 4711)".into() },
    ] {
        catalogue.verb(error);
    }
    for problem in [
        FileProblem::Missing,
        FileProblem::Link,
        FileProblem::NotAFile,
        FileProblem::NotAFolder,
        FileProblem::OwnedByOther { owner: 1001, user: 1000 },
        FileProblem::WritableByOthers { mode: 0o666 },
        FileProblem::ReadableByOthers { mode: 0o644 },
        FileProblem::Closed { mode: 0 },
        FileProblem::OtherNames { names: 2 },
        FileProblem::Unreadable { error: no_space().to_string() },
        FileProblem::OtherDigest { found: digest(2) },
        FileProblem::OtherMac,
        FileProblem::NoMac,
        FileProblem::NotAKey,
        FileProblem::NoKey,
    ] {
        catalogue.source(problem);
    }
    for problem in [
        GenerationProblem::File { problem: FileProblem::Link },
        GenerationProblem::NotANumber,
        GenerationProblem::NoGeneration { number: 7 },
        GenerationProblem::NoRecord { generations: 3 },
        unusable(),
        GenerationProblem::NotUtf8,
        GenerationProblem::Toml { message: "unknown field `colour`".into() },
        GenerationProblem::OtherProfile { profile: profile() },
        GenerationProblem::OtherNumber { number: 8 },
        GenerationProblem::NoNumber,
        other_version(),
    ] {
        catalogue.source(problem);
    }
}

fn generation() -> std::path::PathBuf {
    home(".local/share/pds/profiles/work/generations/7.toml")
}

fn other_version() -> GenerationProblem {
    GenerationProblem::OtherVersion { version: 9, oldest: 2, newest: 3 }
}

fn unusable() -> GenerationProblem {
    GenerationProblem::Unusable { number: 7, problem: Box::new(GenerationProblem::NoNumber) }
}
