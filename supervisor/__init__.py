"""Supervisor: a process supervisor for UNIX with a full-screen console."""
