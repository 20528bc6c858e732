"""Units of cost: one is a video fetched and analysed. The rest is what it takes in requests beside that.

Each kind of source says which of them a request for one of its pages costs (`voicesieve.sources.kinds`).
"""

FETCH = 1.0
NO_REQUEST = 0.0
"""A look at one's own disk."""
LISTING_PAGE = 0.05
"""A page of a channel, feed or web page: one cheap request for up to 50 videos."""

SEARCH_PAGE = 0.5
"""A page of search results: searches are what platforms ration (a hundred a day on the YouTube Data API)."""

PAGE_VIDEOS = 50
VIDEOS_OF_A_CHANNEL = 25
"""What a channel that a search finds may hold; the median of the worlds that the benchmark simulates."""

EXPLORE_EVERY = 100
"""Every so many fetches one is taken in order of discovery, so that no video waits for ever and no belief goes
unchallenged."""
