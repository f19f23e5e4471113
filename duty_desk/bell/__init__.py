"""The bell in the duty room: a process of its own that hears whether the desk lives, and sounds when it does not.

It shares nothing with the desk but what travels, so that nothing which kills the desk kills it too.
"""
