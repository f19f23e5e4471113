"""The ledger: the hash chain, its tables, and the thread that writes it."""
