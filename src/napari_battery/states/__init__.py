"""States of charge: the electrode at several states, compared particle by particle."""
