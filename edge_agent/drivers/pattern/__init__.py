"""Any sensor that sends lines of text, by configuration."""
