"""`ts-eval`: policies judged through pipeline.py, and a chosen cell through the real nodes."""
