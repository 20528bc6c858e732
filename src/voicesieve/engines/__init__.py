"""Where worker functions run. An engine is somebody else's; ours is only the narrow door to it."""
