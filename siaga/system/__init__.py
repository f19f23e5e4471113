"""What a machine of the city is made of: its systemd units, and which machines there are (`siaga system …`)."""
