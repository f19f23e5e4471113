"""The real parts of a stack as child processes, for demo, tests and benchmarks: brokers, database, our commands."""
