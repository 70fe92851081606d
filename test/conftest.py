"""Puts this folder on the path, for the modules that several tests share."""
