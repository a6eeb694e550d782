"""What a person sees of running probes: a live table, plain lines, a summary.

`board` remembers what the samples were, `view` is what it says at one moment, and the
rest are functions from a view to text. Nothing here probes, reads files or keeps time.
"""
