"""Units of cost: one is a video fetched and analysed. Other costs are relative to that.

Each kind of source says which of them a request for one of its pages costs (`voicesieve.sources.kinds`).
"""

FETCH = 1.0
NO_REQUEST = 0.0
"""A page of a folder or list on this machine."""
LISTING_PAGE = 0.05
"""A page of a channel, feed or web page: one cheap request for up to 50 videos."""

SEARCH_PAGE = 0.5
"""A page of search results: platforms limit searches most (a hundred a day on the YouTube Data API)."""

PAGE_VIDEOS = 50
VIDEOS_OF_A_CHANNEL = 25
"""What a channel that a search finds may hold; the median of the worlds that the benchmark simulates."""

EXPLORE_EVERY = 100
"""One fetch in this many is taken in order of discovery, so that no video waits for ever and every belief is tested."""
