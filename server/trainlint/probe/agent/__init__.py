"""The agent: runs inside the user's interpreter and watches the framework's own hooks.

Python 3.8 syntax and the standard library only, until the user's script has imported its framework.
"""
