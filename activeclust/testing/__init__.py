"""Contract tests: what every strategy and every store must do, as classes to run over your own."""
