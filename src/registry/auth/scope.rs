//! What a token is asked for: a repository and an action, as token servers name them
//! (<https://distribution.github.io/distribution/spec/auth/scope/>).

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenScope {
    /// To enter, what credentials are looked for: a namespace, or nothing.
    pub repository: String,
    pub action: TokenAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TokenAction {
    /// Nothing but being let in.
    Authenticate,
    Pull,
    Push,
}

impl TokenScope {
    /// As token servers name it.
    pub(crate) fn parameter(&self) -> Option<String> {
        let actions = match self.action {
            TokenAction::Authenticate => return None,
            TokenAction::Pull => "pull",
            TokenAction::Push => "pull,push",
        };
        Some(format!("repository:{}:{actions}", self.repository))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_written_as_token_servers_name_it() {
        let scope = |repository: &str, action| TokenScope { repository: repository.into(), action }.parameter();
        assert_eq!(scope("org/a", TokenAction::Pull).as_deref(), Some("repository:org/a:pull"));
        assert_eq!(scope("org/a", TokenAction::Push).as_deref(), Some("repository:org/a:pull,push"));
        assert_eq!(scope("org", TokenAction::Authenticate), None);
    }
}
