"""Runs one tracker for hours under load, changes and disturbances, and checks that it stays as it was."""
