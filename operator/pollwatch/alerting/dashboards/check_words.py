"""What the panels of one Check share."""

SOON = "5m"
"""The window of what is said of now."""

WHO = "pool, target, address"
"""Labels of one address, as one pool sees it."""

LEGEND = "{{target}} {{address}} {{pool}}"

NOT_PROBED = "Not probed: does the Check exist, and is it Accepted? kubectl describe check"
