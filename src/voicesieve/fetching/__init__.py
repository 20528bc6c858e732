"""Brings the audio of one video into a scratch folder.

Direct HTTP, local files and yt-dlp. Failures are typed.
"""
