"""The networks: one interface, the published ones to the letter, and a default of our own."""
