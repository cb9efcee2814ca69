"""Modules that the Spark jobs share."""
