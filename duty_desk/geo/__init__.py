"""Where things are: the base map a city imports, the search in its streets, and what is near a place."""
