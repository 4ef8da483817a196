"""Label Studio's machine-learning back end: predictions out, annotations in."""
