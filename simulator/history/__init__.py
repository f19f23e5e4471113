"""A simulated day of the city for the walls: what the store would hold of it, and what each panel must then show."""
