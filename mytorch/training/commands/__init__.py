"""What the commands of the command line do, from their arguments to files and printed results."""
