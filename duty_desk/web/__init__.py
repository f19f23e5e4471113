"""What browsers and programs get: the API, its guard, and the events pushed to each page."""
