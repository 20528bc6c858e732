"""yt-dlp as a fetcher and as a lister, always in a process of its own."""
