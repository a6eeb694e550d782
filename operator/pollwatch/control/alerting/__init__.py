"""Puts the alert rules of Checks, and how to scrape Pollwatch, where other operators look for them."""
