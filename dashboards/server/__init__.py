"""The wall server: each screen's page, the panels' answers from the store, and what an incident puts on the screens."""
