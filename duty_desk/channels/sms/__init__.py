"""The channel `sms`: pages as short messages through gammu-smsd, and answers to them."""
