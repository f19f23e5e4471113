"""How a page reaches a person who is not in front of a screen: channels behind one small protocol."""
