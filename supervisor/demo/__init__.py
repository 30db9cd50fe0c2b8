"""``python -m supervisor.demo``: real programs under a real supervisord, to look at."""
