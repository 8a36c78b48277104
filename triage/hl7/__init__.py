"""HL7 v2 over MLLP: orders and final reports come in, findings and order changes go out.

What is pure (text, parsing, orders, results, priority) stands apart from what speaks to peers
(mllp, server). python-hl7 takes messages apart; what we write is put together here, since a
message to a hospital's order system has to be exact to the byte.
"""
