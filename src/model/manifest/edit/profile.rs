//! Edits of the key `profile` in `sesame.toml`.

use toml_edit::DocumentMut;

use crate::model::name::ProfileName;

use super::{ManifestEditError, parse, set, written_like};

/// Declares a profile: in the place of the one that is declared, or in a line of its own at the top.
///
/// # Errors
/// [`ManifestEditError::Syntax`] if the text is not TOML, [`ManifestEditError::Form`] if `profile` is not a string.
pub fn declare_profile(text: &str, profile: &ProfileName) -> Result<String, ManifestEditError> {
    let mut document: DocumentMut = parse(text)?;
    if let Some(declared) = document.get("profile") {
        if !declared.is_str() {
            return Err(ManifestEditError::Form {
                name: "profile".to_owned(),
                line: Some(format!("profile = \"{profile}\"")),
            });
        }
        set(document.as_table_mut(), "profile", profile.as_str().into());
        return Ok(written_like(text, &document));
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mark, text) = text.strip_prefix('\u{feff}').map_or(("", text), |text| ("\u{feff}", text));
    let gap = if text.is_empty() || text.starts_with(['\r', '\n']) { "" } else { end };
    Ok(format!("{mark}profile = \"{profile}\"{end}{gap}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_changes_and_the_rest_stays() {
        let name = "work".parse().unwrap();
        for (text, expected) in [
            ("# top\nprofile = 'old' # mine\n[extensions]\n", "# top\nprofile = \"work\" # mine\n[extensions]\n"),
            ("# top\r\n[extensions]\r\n", "profile = \"work\"\r\n\r\n# top\r\n[extensions]\r\n"),
            ("", "profile = \"work\"\n"),
        ] {
            assert_eq!(declare_profile(text, &name).unwrap(), expected);
        }
        assert!(matches!(declare_profile("profile = ", &name), Err(ManifestEditError::Syntax(_))));
        assert!(matches!(declare_profile("[profile]\n", &name), Err(ManifestEditError::Form { .. })));
    }
}
