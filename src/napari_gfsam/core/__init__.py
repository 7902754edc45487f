"""The paper: every stage of GF-SAM as pure functions on numpy arrays and torch tensors.

Nothing here reads a file, opens a window, uses the network or writes to the terminal.
"""
