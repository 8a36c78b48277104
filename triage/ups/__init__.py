"""The Unified Procedure Step service (PS3.4 Annex CC): what every view of the reading list does."""
