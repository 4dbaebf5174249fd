"""The commands of the command line, one file a group; each file has a `register`."""
