"""An election night on loopback: a small world of sites, and the story of what happens to them."""
