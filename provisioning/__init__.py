"""Who may connect: the authority that signs, the register of what it signed, the brokers' access rules.

No other room imports this one: what they need of it are files (a key, a certificate, `trust.pem`) and
signed documents.
"""
