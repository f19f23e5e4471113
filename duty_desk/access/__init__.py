"""Who may come to the desk: accounts, sessions, tokens of other systems, roles, and the limits on wrong passwords."""
