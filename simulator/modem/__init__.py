"""A GSM modem on a pty that speaks AT as gammu needs it, with a network that loses messages on a seed."""
