//! Follows symbolic links one by one, so that each on the way is known and not only where it ends.

use std::collections::VecDeque;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// How many links in a row are followed, as Linux does.
const LINKS: usize = 40;

/// An absolute path with its links followed, as far as it is there.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    trace_links(path).1
}

/// The links on the way of an absolute path, each at the place where it really is, and where the path leads, as far as it is
/// there.
pub(crate) fn trace_links(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<_>>();
    let (mut at, mut links, mut rest) = (PathBuf::new(), Vec::new(), parts(path));
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) => continue,
            _ => at.push(&part),
        }
        if links.len() < LINKS
            && let Ok(target) = fs::read_link(&at)
        {
            links.push(at.clone());
            at.pop();
            let mut ahead = parts(&target);
            ahead.append(&mut rest);
            rest = ahead;
        }
    }
    (links, at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_followed_over_every_link() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("real/deep")).unwrap();
        symlink("real", top.join("folder")).unwrap();
        symlink(top.join("folder/deep/../target"), top.join("real/file")).unwrap();
        let (links, end) = trace_links(&top.join("./folder/file"));
        assert_eq!(links, [top.join("folder"), top.join("real/file"), top.join("folder")]);
        assert_eq!(end, top.join("real/target"));
        symlink("loop", top.join("loop")).unwrap();
        assert_eq!(trace_links(&top.join("loop/x")).0.len(), LINKS);
    }
}
