"""The YouTube Data API v3 as a source: searches, channels and playlists, over plain HTTP."""
