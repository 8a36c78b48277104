"""Intake: from an association on the network to a durable file and an instance row."""
