//! Paths that a manifest names, as text.

/// `path` below `prefix`, with `.` and `..` resolved by their text; none where no file name is left.
pub(crate) fn normalize(prefix: &str, path: &str) -> Option<String> {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let prefix = if absolute { "" } else { prefix };
    for part in prefix.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let named = !matches!(path.rsplit('/').next(), None | Some("" | "." | ".."));
    named.then(|| format!("{}{}", if absolute { "/" } else { "" }, parts.join("/")))
}
