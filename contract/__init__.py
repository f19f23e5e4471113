"""What travels between the rooms: topics, messages, identities, time quality, the catalogue of quantities.

Pure: nothing here opens a file or a socket, and nothing here imports another room.

Evolution within `siaga/v1`: fields are only added, never removed or re-used, and a reader ignores keys it does not
know, so the boxes of a city can be upgraded one after the other. A change that breaks this is `siaga/v2`.
"""
