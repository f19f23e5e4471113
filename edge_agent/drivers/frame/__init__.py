"""Any sensor that sends binary frames, by configuration."""
