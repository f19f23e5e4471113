"""The box at the roadside: drivers → outbox → uplink; lamp and clock."""
