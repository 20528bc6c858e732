"""What happens to a video in a run: discovered, screened, fetched, analysed and decided."""
