"""One file per protocol: a function that takes a target and a deadline and gives a Sample."""
