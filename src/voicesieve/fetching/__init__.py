"""Brings the audio of one video into a scratch folder: direct HTTP, local files, yt-dlp. Failures are typed."""
