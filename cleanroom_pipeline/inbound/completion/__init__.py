"""Completion policies: when a delivery is whole.

Here: one module per policy, each a pure decision over what is pending, what a provider says, and a
time that is handed in. Not here: how any of that was found out, or what is done about it.
"""
