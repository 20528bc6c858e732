"""YouTube as a source, through yt-dlp or through the Data API."""
