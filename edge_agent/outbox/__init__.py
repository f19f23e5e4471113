"""What the box keeps until its receipt: two SQLite files, a writer thread each."""
