"""Who may do what: users, tokens, scopes, audit, headers."""
