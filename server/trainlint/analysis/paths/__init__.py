"""What happens along every path of a program, and in which order."""
