"""Lines of this machine: what names them, and outputs that end by a timer of their own."""
