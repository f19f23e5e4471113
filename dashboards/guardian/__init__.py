"""The guardian: hears each screen of the wall each 2 s, and names the one that shows no truth."""
