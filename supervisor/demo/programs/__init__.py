"""Small programs for the demonstration to supervise."""
