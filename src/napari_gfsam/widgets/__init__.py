"""Qt panels: each shows what it is given and says by signals what the person wants; the dock connects them."""
