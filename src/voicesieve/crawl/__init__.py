"""What happens to a video, from discovery to decision."""
