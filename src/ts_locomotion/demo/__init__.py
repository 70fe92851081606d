"""The demonstration: a course through the running graph, and what is told of it afterwards."""
