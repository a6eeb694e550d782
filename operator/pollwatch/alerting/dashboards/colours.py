"""Colours that people with any colour vision tell apart.

From the palette of Okabe and Ito, "Color Universal Design" (https://jfly.uni-koeln.de/color/). No panel says
anything by colour alone: what has a colour has a word or a number beside it.
"""

BLUE = "#0072B2"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#999999"

GOOD = BLUE
"""Not green: next to vermilion and grey, blue is the one that nobody mistakes."""
WARNING = ORANGE
"""For lines and numbers: on white, yellow cannot be read."""
BAD = VERMILION
NEUTRAL = GREY
