"""gonogo: a launch gate for outbound campaigns."""
