"""What the command line does, one file a group of commands; triage.cli parses the words."""
