"""What each command of the command line does; `trainlint.cli` parses the arguments."""
