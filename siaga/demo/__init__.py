"""The whole way of a press and of a reading on one machine: real brokers and database, simulated hardware."""
