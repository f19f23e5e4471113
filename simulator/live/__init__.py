"""A city that goes on living: what its other boxes would have stored, written as time passes."""
