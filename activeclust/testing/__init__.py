"""Contract tests that every strategy and every store must pass, as classes to subclass for your own."""
