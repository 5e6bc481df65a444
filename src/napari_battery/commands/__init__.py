"""The steps of the command line, a file each."""
